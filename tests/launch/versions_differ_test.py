"""Ranks of different versions refuse each other: one message that names both, exit code 6 (peer).

Usage: versions_differ_test.py GEMRING GEMRING_OF_ANOTHER_VERSION MODEL_DIRECTORY
"""

import subprocess
import sys
import unittest


class VersionsDiffer(unittest.TestCase):
    def test_one_message_names_rank_host_and_both_versions(self):
        gemring, other, model = PROGRAMS
        arguments = ["inspect", "--model", model]
        result = subprocess.run(
            ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", "2", gemring, *arguments, ":", "-n", "1", other, *arguments],
            capture_output=True, text=True, check=False, timeout=60)
        ours = [line for line in result.stderr.splitlines() if line.startswith("gemring: ")]
        self.assertEqual(result.returncode, 6, result.stderr)
        self.assertEqual(len(ours), 1, result.stderr)
        self.assertRegex(ours[0], r"^gemring: rank 2 on \S+: its version of gemring is '9\.9\.9', rank 0's on \S+ is '\d+\.\d+\.\d+'$")
        self.assertEqual(result.stdout, "")


if __name__ == "__main__":
    PROGRAMS = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1])
