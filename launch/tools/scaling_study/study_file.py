"""STUDY.json as a checked value. cluster-configs/README.md, "Scaling studies", says what each field means."""

import dataclasses
import difflib
import hashlib
import json
import os
import re

from .errors import StudyError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
METHODS = ("gemfilter", "prefill", "decode")
LEAST_REPETITIONS = 3
# May change between two calls on the same results: they say how much is measured, not what.
BUDGET_FIELDS = ("repetitions", "repetitions_per_run", "most_repetitions", "interval_percent", "minutes", "timeout_minutes", "note", "probe")


@dataclasses.dataclass(frozen=True)
class SimulatedHosts:
    """launch/tools/simulated-hosts: network namespaces of this machine."""
    rate: str
    ranks_per_host: int


@dataclasses.dataclass(frozen=True)
class Study:
    name: str
    kind: str                     # strong or weak
    weak: str                     # weak only: tokens_per_rank or work_per_rank stays; else ""
    model: str                    # a path; "" with random_weights
    random_weights: str           # a path; "" with model
    methods: tuple
    layouts: tuple                # (ranks, threads of each)
    lengths: tuple                # tokens; of weak studies those of one rank
    clusters: tuple               # paths of cluster files; "" is the default plan
    filter_model: str             # a path, of gemfilter; "": the model filters itself
    keep: object                  # None: gemring's default
    filter_layer: object          # None: the filtering model's, or the rule of thumb
    decode_tokens: int
    gemring: str
    launcher: tuple
    binding: tuple                # words for the launcher
    simulated_hosts: object       # SimulatedHosts or None
    options: tuple                # further words for gemring
    environment: tuple            # (name, value)
    net: str                      # what the network is, for the tables; "": told by the number of hosts
    warmups: int
    repetitions: int
    repetitions_per_run: int
    most_repetitions: int
    interval_percent: float
    minutes: float
    timeout_minutes: float
    seed: int
    probe: bool                   # measure the machine before each run, for predictions
    note: str


def problem(path, field, what, advice="cluster-configs/README.md, \"Scaling studies\", lists the fields"):
    return StudyError(f"{path}, field \"{field}\"", what, advice)


class Fields:
    """Takes the fields of a JSON object one by one, checked; what is left in the end is an error."""

    def __init__(self, path, values):
        self.path = path
        self.values = dict(values)
        self.asked = []

    def take(self, field, default=None):
        self.asked.append(field)
        return self.values.pop(field, default)

    def wrong(self, field, value, wanted):
        return problem(self.path, field, f"is {json.dumps(value)}, not {wanted}")

    def text(self, field, default=""):
        value = self.take(field, default)
        if not isinstance(value, str):
            raise self.wrong(field, value, "a text")
        return value

    def choice(self, field, default, choices):
        value = self.take(field, default)
        if value not in choices:
            raise self.wrong(field, value, " or ".join(choices))
        return value

    def number(self, field, default, least, whole=True):
        return self._number(field, self.take(field, default), least, whole, default is None)

    def _number(self, field, value, least, whole, optional=False):
        if value is None and optional:
            return None
        right_type = isinstance(value, int) if whole else isinstance(value, (int, float))
        if not right_type or isinstance(value, bool) or not least <= value < 2**31:
            raise self.wrong(field, value, f"{'a whole number' if whole else 'a number'} from {least} on")
        return value

    def truth(self, field):
        value = self.take(field, False)
        if not isinstance(value, bool):
            raise self.wrong(field, value, "true or false")
        return value

    def listed(self, field, default, check, what):
        value = self.take(field, default)
        if not isinstance(value, list) or (not value and default is None):
            raise self.wrong(field, value, f"a list of {what}")
        checked = tuple(check(entry) for entry in value)
        if len(set(checked)) != len(checked):
            raise self.wrong(field, value, "a list without repetition")
        return checked

    def numbers(self, field, least=1):
        return self.listed(field, None, lambda entry: self._number(field, entry, least, True), "numbers")

    def words(self, field, default=()):
        """Words of a command line: may repeat themselves."""
        value = self.take(field, list(default))
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise self.wrong(field, value, "a list of words, each a text of its own")
        return tuple(value)

    def path_to(self, field, entry, kinds=os.path.exists):
        """A path as it stands in the file: from the file's own folder."""
        if not isinstance(entry, str):
            raise self.wrong(field, entry, "a path")
        path = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(self.path)), os.path.expanduser(entry)))
        if not kinds(path):
            raise problem(self.path, field, f"there is no {path}", "paths are taken from the folder of the study file")
        return path

    def finish(self):
        for field in self.values:
            near = difflib.get_close_matches(field, self.asked, 1)
            raise problem(self.path, field, "is no field of a study",
                          f"did you mean \"{near[0]}\"?" if near else f"the fields are {', '.join(self.asked)}")


def read_object(path):
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file, object_pairs_hook=lambda pairs: without_repetition(path, pairs))
    except OSError as error:
        raise StudyError(path, f"cannot be read: {error.strerror}", "give the path of a study file") from error
    except (ValueError, RecursionError) as error:
        raise StudyError(path, f"is no JSON: {error}", "see bench/studies for examples") from error
    if not isinstance(values, dict):
        raise StudyError(path, "holds no JSON object", "see bench/studies for examples")
    return values


def without_repetition(path, pairs):
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise problem(path, name, "is there twice", "keep one of them")
    return dict(pairs)


def layouts_of(fields):
    if "layouts" in fields.values:
        for other in ("ranks", "threads"):
            if other in fields.values:
                raise problem(fields.path, other, "stands beside \"layouts\"", "give layouts alone, or ranks and threads")

        def layout(entry):
            match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", entry) if isinstance(entry, str) else None
            if not match:
                raise fields.wrong("layouts", entry, "RANKSxTHREADS, such as \"4x2\"")
            return int(match[1]), int(match[2])
        return fields.listed("layouts", None, layout, "RANKSxTHREADS")
    if "ranks" not in fields.values:
        raise problem(fields.path, "ranks", "is missing", "give ranks and threads, or layouts")
    ranks = fields.numbers("ranks")
    threads = fields.numbers("threads") if "threads" in fields.values else (1,)
    return tuple((some, each) for some in ranks for each in threads)


def simulated_hosts_of(fields):
    value = fields.take("simulated_hosts")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise fields.wrong("simulated_hosts", value, "an object with rate and ranks_per_host")
    inner = Fields(fields.path, value)
    hosts = SimulatedHosts(inner.text("rate"), inner.number("ranks_per_host", 1, 1))
    if hosts.rate and not re.fullmatch(r"\d+(\.\d+)?[kmgt]?bit", hosts.rate):
        raise inner.wrong("rate", hosts.rate, "a rate such as 1gbit")
    inner.finish()
    return hosts


def model_of(fields):
    given = [name for name in ("model", "random_weights") if name in fields.values]
    if len(given) != 1:
        raise problem(fields.path, "model", f"and \"random_weights\": {'both are' if given else 'neither is'} there",
                      "give a model's path, or the config.json of a shape whose weights are made up")
    model, random_weights = fields.take("model", ""), fields.take("random_weights", "")
    if given == ["model"]:
        return fields.path_to("model", model), ""
    return "", fields.path_to("random_weights", random_weights, os.path.isfile)


def environment_of(fields):
    value = fields.take("environment", {})
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise fields.wrong("environment", value, "an object of texts")
    for name in value:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise problem(fields.path, "environment", f"{json.dumps(name)} is no variable's name")
    return tuple(sorted(value.items()))


def kind_of(fields):
    kind = fields.choice("kind", "strong", ("strong", "weak"))
    if kind == "weak":
        return kind, fields.choice("weak", None, ("tokens_per_rank", "work_per_rank"))
    if "weak" in fields.values:
        raise problem(fields.path, "weak", "is there, and the kind is strong", "leave it out, or give \"kind\": \"weak\"")
    return kind, ""


OWN_OPTIONS = ("--model", "--random-weights", "--tokens", "--threads", "--keep", "--filter-layer", "--filter-model",
               "--cluster", "--json", "--repetitions", "--warmup", "--seed", "--max-new-tokens", "--progress")


def options_of(fields):
    options = fields.words("options")
    for word in options:
        if word.split("=")[0] in OWN_OPTIONS:
            raise problem(fields.path, "options", f"{word} is the study's own", "it follows from the other fields")
    return options


def methods_of(fields):
    def method(entry):
        if entry not in METHODS:
            raise fields.wrong("methods", entry, "one of " + ", ".join(METHODS))
        return entry
    return fields.listed("methods", None, method, ", ".join(METHODS))


def clusters_of(fields):
    def cluster(entry):
        return "" if entry == "default" else fields.path_to("clusters", entry, os.path.isfile)
    clusters = fields.listed("clusters", ["default"], cluster, "paths, or \"default\"")
    labels = [plan_label(path) for path in clusters]
    if not clusters or len(set(labels)) < len(labels):
        raise fields.wrong("clusters", labels, "files of different names")
    return clusters


def plan_label(cluster):
    return os.path.splitext(os.path.basename(cluster))[0] if cluster else "default"


def read_study(path, gemring=None):
    """The study in `path`; `gemring`: a program that wins over the file's. Throws StudyError (exit code 3)."""
    fields = Fields(path, read_object(path))
    name = fields.text("name", os.path.splitext(os.path.basename(path))[0])
    if not re.fullmatch(r"[\w. ,()-]{1,80}", name):
        raise fields.wrong("name", name, "up to 80 letters, digits, blanks and . , - _ ( )")
    kind, weak = kind_of(fields)
    model, random_weights = model_of(fields)
    hosts = simulated_hosts_of(fields)
    if hosts and ("launcher" in fields.values or "binding" in fields.values):
        raise problem(fields.path, "launcher" if "launcher" in fields.values else "binding",
                      "stands beside \"simulated_hosts\", which has its own", "leave one of them out")
    program, filter_model = fields.text("gemring"), fields.text("filter_model")
    repetitions = fields.number("repetitions", LEAST_REPETITIONS, LEAST_REPETITIONS)
    study = Study(
        name=name, kind=kind, weak=weak, model=model, random_weights=random_weights, methods=methods_of(fields),
        layouts=layouts_of(fields), lengths=fields.numbers("lengths"), clusters=clusters_of(fields),
        filter_model=fields.path_to("filter_model", filter_model) if filter_model else "",
        keep=fields.number("keep", None, 1), filter_layer=fields.number("filter_layer", None, 0),
        decode_tokens=fields.number("decode_tokens", 32, 1),
        gemring=program_path(gemring) if gemring else
        fields.path_to("gemring", program, is_program) if program else built_program(),
        launcher=fields.words("launcher", ["mpirun"]), binding=fields.words("binding"), simulated_hosts=hosts,
        options=options_of(fields), environment=environment_of(fields), net=fields.text("net"),
        warmups=fields.number("warmups", 1, 0), repetitions=repetitions,
        repetitions_per_run=fields.number("repetitions_per_run", 1, 1),
        most_repetitions=fields.number("most_repetitions", max(30, repetitions), repetitions),
        interval_percent=fields.number("interval_percent", 5, 0.1, whole=False),
        minutes=fields.number("minutes", 30, 0, whole=False),
        timeout_minutes=fields.number("timeout_minutes", 30, 0.01, whole=False), seed=fields.number("seed", 1, 0), probe=fields.truth("probe"),
        note=fields.text("note"))
    fields.finish()
    check_together(path, study)
    return study


def check_together(path, study):
    if not study.launcher:
        raise problem(path, "launcher", "is empty", "leave it out for mpirun")
    of_the_filter = {"keep": study.keep, "filter_layer": study.filter_layer, "filter_model": study.filter_model or None}
    for name, value in of_the_filter.items():
        if value is not None and "gemfilter" not in study.methods:
            raise problem(path, name, "is there, and no method is gemfilter", "leave it out, or add the method")
    if study.simulated_hosts:
        each = study.simulated_hosts.ranks_per_host
        for ranks, _ in study.layouts:
            if ranks % each:
                raise problem(path, "simulated_hosts", f"{ranks} ranks are not a whole number of hosts of {each}",
                              "change ranks or ranks_per_host")


def is_program(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)


def program_path(path):
    if not is_program(path):
        raise StudyError("--gemring", f"{path} is no program", "give the path of gemring")
    return os.path.abspath(path)


def built_program():
    path = os.path.join(ROOT, "build", "release", "gemring")
    if not is_program(path):
        raise StudyError("gemring", f"there is no {path}",
                         "build it (cmake --preset release && cmake --build --preset release), or give --gemring PROGRAM")
    return path


def contents(path):
    """A fingerprint of a file's bytes; of a folder's names, sizes and times."""
    digest = hashlib.sha256()
    if os.path.isdir(path):
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            status = entry.stat()
            digest.update(f"{entry.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    elif os.path.getsize(path) > 2**28:  # a model of many gigabytes
        status = os.stat(path)
        digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    else:
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:16]
