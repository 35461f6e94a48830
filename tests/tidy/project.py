"""What the project says of itself: its files, its folders in order, and what each folder may use."""

import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPP = (".h", ".cpp", ".inl")


def files():
    """Paths from the root of what belongs to the project: git's list, or without git all but what a build makes."""
    listed = subprocess.run(["git", "-C", ROOT, "-c", "safe.directory=*", "ls-files", "-z"], capture_output=True,
                            text=True, check=False)
    if listed.returncode == 0:
        return sorted(path for path in listed.stdout.split("\0") if path and os.path.isfile(os.path.join(ROOT, path)))
    found = []
    for directory, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ("build", ".git", ".cache", "__pycache__")]
        found += [os.path.relpath(os.path.join(directory, name), ROOT) for name in names]
    return sorted(found)


def cpp_files():
    return [path for path in files() if path.endswith(CPP)]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class Folders:
    """The order of add_subdirectory in the root's CMakeLists.txt is the order of the floors, the ground floor first."""

    def __init__(self):
        self.order = re.findall(r"^\s*add_subdirectory\(([\w/]+)\)", read("CMakeLists.txt"), re.M)
        self.uses = {folder: self._uses(folder) for folder in self.order}

    def _uses(self, folder):
        """The folders that USES (and a plain gemring_proto) names in the folder's CMakeLists.txt."""
        path = os.path.join(folder, "CMakeLists.txt")
        text = read(path) if os.path.isfile(os.path.join(ROOT, path)) else ""
        names = set(re.findall(r"\bgemring_(\w+)", text)) - {"library", "test", "script_test"}
        for block in re.findall(r"\bUSES\b([^)]*?)(?:\bLIBRARIES\b|\bPRIVATE_LIBRARIES\b|\bSOURCES\b|\))", text):
            names |= set(block.split())
        return {other for other in self.order if other.replace("/", "_") in names and other != folder}

    def of(self, path):
        """The folder that a file belongs to: the longest one that is a prefix of its path. None: none of them."""
        inside = [folder for folder in self.order if path.startswith(folder + "/")]
        return max(inside, key=len) if inside else None

    def reachable(self, folder):
        """The folder and all that it may use, directly or through what it uses."""
        reached = {folder}
        frontier = [folder]
        while frontier:
            for other in self.uses[frontier.pop()]:
                if other not in reached:
                    reached.add(other)
                    frontier.append(other)
        return reached
