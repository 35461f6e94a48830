"""Texts that were read are asked again: what it costs, and that answers are the same."""

import json
import os

import gemring_run
from gemring_run import EndToEnd, Run, command
from served import Served

MODEL = ["--model", gemring_run.DEMO_MODEL]
CHAT = "/v1/chat/completions"
BOOK = "".join(f"{word} went down the rabbit-hole and thought of number {number}. "
               for number, word in enumerate(("Alice", "The hare", "A cat", "The queen") * 40))
ASK = "Which number did the hare think of?"
WINDOWED = {"heads": [{"layer": 3, "head": 1}], "normalisation": "z_score", "queries": 4, "pool": 1, "unit": "sentences",
            "window": 256, "sinks": 4}


class Index(EndToEnd):
    def questions(self):
        text = BOOK * 4
        return [{"messages": [{"role": "user", "content": text + "\n\n" + question}], "max_tokens": 6,
                 "gemring": {"keep": 400, "return_kept": True}}
                for question in (ASK, "Who thought of number 11?", "What did the queen do?")]

    def test_a_text_is_read_once_and_asked_often_on_any_ranks(self):
        profile = self.path("profile.json", WINDOWED)
        words = ["--filter-profile", profile]
        with Served([*words, "--index-memory", 0]) as served:
            without = [served.post(CHAT, one) for one in self.questions()]
            self.assertEqual([one["usage"]["prompt_tokens_details"]["cached_tokens"] for one in without], [0, 0, 0])
        tokens = without[0]["usage"]["prompt_tokens"]
        self.assertGreater(tokens, 2 * 2048)
        for ranks in (0, 2, 3):
            with self.subTest(ranks=ranks), Served(words, ranks=ranks) as served:
                got = [served.post(CHAT, one) for one in self.questions()]
                cached = [one["usage"]["prompt_tokens_details"]["cached_tokens"] for one in got]
                self.assertEqual(cached, [0, (tokens - 64) // 2048 * 2048, (tokens - 64) // 2048 * 2048])
                for one, other in zip(got, without):
                    self.assertEqual(one["choices"], other["choices"])
                    self.assertEqual(one["gemring"]["kept"], other["gemring"]["kept"])
                self.assertEqual(served.metric("gemring_cached_tokens_total"), sum(cached))

    def test_a_text_is_kept_by_name(self):
        profile = self.path("profile.json", WINDOWED)
        text = BOOK * 4
        with Served(["--filter-profile", profile], ranks=2) as served:
            whole = served.chat([{"role": "user", "content": [{"type": "text", "text": text}, {"type": "text", "text": ASK}]}],
                                max_tokens=6, gemring={"keep": 400, "return_kept": True})
        with Served(["--filter-profile", profile], ranks=2) as served:
            kept = served.post("/v1/texts", {"text": text})
            self.assertEqual((kept["object"], kept["cached_tokens"]), ("text", 0))
            self.assertGreater(kept["tokens"], 4096)
            self.assertEqual(served.post("/v1/texts", {"text": text})["id"], kept["id"])
            self.assertEqual([one["id"] for one in served.get("/v1/texts")["data"]], [kept["id"]])
            self.assertEqual(served.get("/v1/texts/" + kept["id"])["bytes"], len(text))
            asked = served.chat(ASK, max_tokens=6, gemring={"text_id": kept["id"], "keep": 400, "return_kept": True})
            self.assertEqual(asked["choices"], whole["choices"])
            self.assertEqual(asked["gemring"]["kept"], whole["gemring"]["kept"])
            cached = asked["usage"]["prompt_tokens_details"]["cached_tokens"]
            self.assertEqual(cached, (kept["tokens"] - 64) // 2048 * 2048)
            for keep in (300, 400):
                chosen = served.post(f"/v1/texts/{kept['id']}/select", {"question": ASK, "keep": keep})
                self.assertEqual((chosen["object"], chosen["kept_tokens"], chosen["cached_tokens"]), ("selection", keep, cached))
                self.assertEqual(chosen["kept"] == whole["gemring"]["kept"], keep == 400)
            events = served.stream("/v1/texts", {"text": "Another one. " * 1200})
            self.assertEqual(events[-1]["object"], "text")
            self.assertTrue(any("prompt_progress" in event for event in events))
            self.assertEqual(served.ask("DELETE", "/v1/texts/" + kept["id"])[0], 200)
            for method, path, body in (("DELETE", "/v1/texts/" + kept["id"], None), ("GET", "/v1/texts/../../etc/passwd", None),
                                       ("POST", "/v1/texts/text-0/select", {"question": "x"}),
                                       ("POST", CHAT, {"messages": [{"role": "user", "content": "x"}],
                                                       "gemring": {"text_id": kept["id"]}})):
                self.assertEqual(served.ask(method, path, body)[0], 404, path)

    def test_a_text_outlives_the_service_and_its_ranks(self):
        words = ["--filter-profile", self.path("profile.json", WINDOWED), "--index-dir", self.path("texts")]
        text = BOOK * 4
        ask = {"max_tokens": 6, "gemring": {"keep": 400, "return_kept": True}}
        with Served(words, ranks=2) as served:
            kept = served.post("/v1/texts", {"text": text})
            ask["gemring"]["text_id"] = kept["id"]
            first = served.chat(ASK, **ask)
            self.assertEqual(os.listdir(self.path("texts")), [kept["id"] + ".index"])
        file = os.path.join(self.path("texts"), kept["id"] + ".index")
        for ranks in (0, 3):
            with self.subTest(ranks=ranks), Served(words, ranks=ranks) as served:
                self.assertEqual([one["id"] for one in served.get("/v1/texts")["data"]], [kept["id"]])
                again = served.chat(ASK, **ask)
                self.assertEqual(again["choices"], first["choices"])
                self.assertEqual(again["gemring"]["kept"], first["gemring"]["kept"])
                self.assertEqual(again["usage"]["prompt_tokens_details"], first["usage"]["prompt_tokens_details"])
                self.assertEqual(served.post("/v1/texts", {"text": text})["cached_tokens"], kept["tokens"] // 2048 * 2048)
        with open(file, "r+b") as damaged:  # in its last record
            damaged.seek(-100, os.SEEK_END)
            damaged.write(b"damaged")
        with Served(words) as served:
            self.assertIn("is damaged", served.run.stderr)
            self.assertIn(kept["id"], served.run.stderr)
            self.assertEqual(served.get("/v1/texts")["data"], [])
            self.assertEqual(served.post("/v1/texts", {"text": text})["cached_tokens"], 0)  # and is written anew
            self.assertEqual(served.chat(ASK, **ask)["choices"], first["choices"])
        narrow = self.path("narrow.json", {**WINDOWED, "window": 128})
        with Served(["--filter-profile", narrow, "--index-dir", self.path("texts")]) as served:
            self.assertEqual(served.get("/v1/texts")["data"], [])
            self.assertIn("window 256", served.run.stderr)
        with Served(words) as served:
            self.assertEqual(served.ask("DELETE", "/v1/texts/" + kept["id"])[0], 200)
            self.assertEqual(os.listdir(self.path("texts")), [])

    def test_a_disk_has_bounds_and_a_filter_that_keeps_nothing_is_refused(self):
        profile = ["--filter-profile", self.path("profile.json", WINDOWED)]
        texts = [word * 4500 for word in (" Alice", " Hare", " Queen")]
        small = self.path("small")
        with Served([*profile, "--index-dir", small]) as served:
            ids = [served.post("/v1/texts", {"text": texts[0]})["id"]]
            one = os.path.getsize(os.path.join(small, ids[0] + ".index")) / 2 ** 20  # MiB
        with Served([*profile, "--index-dir", small, "--index-disk", 2.5 * one]) as served:
            ids += [served.post("/v1/texts", {"text": text})["id"] for text in texts[1:]]
            self.assertEqual(sorted(os.listdir(small)), sorted(name + ".index" for name in ids[1:]))
            self.assertEqual(len(served.get("/v1/texts")["data"]), 3)
        with Served([*profile, "--index-dir", self.path("smaller"), "--index-disk", max(1, one / 2)]) as served:
            served.post("/v1/texts", {"text": texts[0]})
            self.assertIn("--index-disk", served.run.stderr)
            self.assertEqual(os.listdir(self.path("smaller")), [])
        refused = ["serve", *MODEL, "--port", 0, "--index-dir", self.path("none")]
        self.assert_fails(Run(command([*refused, "--filter-layer", 3], 2)), 3, "no window")
        self.assert_fails(Run(command([*refused, *profile, "--index-memory", 0], 0)), 2, "--index-dir")
        blocked = self.path("file", "x")
        self.assert_fails(Run(command(["serve", *MODEL, *profile, "--port", 0, "--index-dir", blocked], 0)), 2, "file")

    def test_lines_of_requests_that_share_a_text_read_it_once(self):
        profile = self.path("profile.json", WINDOWED)
        lines = "".join(json.dumps({"question": "Who thought of number %d?" % number}) + "\n" for number in (3, 5, 8))
        book = self.path("book.txt", BOOK * 4)
        words = ["generate", *MODEL, "--filter-profile", profile, "--prompt-file", book, "--requests", "-", "--max-new-tokens", 6,
                 "--keep", 400, "--log-level", "warn"]
        answers = []
        for more in (["--index-memory", 0], []):
            run = self.succeed([*words, *more], stdin=lines.encode())
            answers.append([json.loads(line) for line in run.stdout.splitlines()])
        self.assertEqual([line["generated_ids"] for line in answers[0]], [line["generated_ids"] for line in answers[1]])
        self.assertEqual([line["usage"]["reused_tokens"] for line in answers[0]], [0, 0, 0])
        self.assertEqual(answers[1][0]["usage"]["reused_tokens"], 0)
        self.assertTrue(all(line["usage"]["reused_tokens"] >= 2048 for line in answers[1][1:]), answers[1])


if __name__ == "__main__":
    gemring_run.main()
