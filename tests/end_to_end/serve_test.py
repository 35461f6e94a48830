"""The service, as its clients see it: answers, streams, errors, limits, those who go away, its end."""

import json
import os
import random
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import gemring_run
from gemring_run import EndToEnd, Run, command
from served import JSON, Served

MODEL = ["--model", gemring_run.DEMO_MODEL]
BOOK = "".join(f"{word} went down the rabbit-hole and thought of number {number}. "
               for number, word in enumerate(("Alice", "The hare", "A cat", "The queen") * 40))
ASK = "Which number did the hare think of?"
CHAT = "/v1/chat/completions"
LONG = {"max_tokens": 4000, "ignore_eos": True}


class Answers(EndToEnd):
    def test_a_chat_is_answered_as_generate_answers_it_on_any_number_of_ranks(self):
        words = [*MODEL, "--chat", "--prompt", BOOK, "--question", ASK, "--keep", 128, "--max-new-tokens", 12]
        expected = self.report([*words], 0)
        for ranks in (0, 3):
            with self.subTest(ranks=ranks), Served(ranks=ranks) as served:
                got = served.chat(BOOK, max_tokens=12, gemring={"question": ASK, "keep": 128, "return_kept": True})
                self.assertEqual(got["choices"][0]["message"]["content"], expected["text"])
                self.assertEqual(got["choices"][0]["finish_reason"], expected["finish_reason"])
                self.assertEqual(got["usage"]["prompt_tokens"], expected["prompt_tokens"])
                self.assertEqual(got["usage"]["completion_tokens"], len(expected["generated_ids"]))
                self.assertEqual(got["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
                self.assertEqual(got["gemring"]["kept_tokens"], 128)
                content = (BOOK + "\n" + ASK).encode()
                for kept in got["gemring"]["kept"]:
                    self.assertEqual(content[kept["begin"]:kept["end"]].decode(), kept["text"])
                self.assertTrue(got["gemring"]["kept"][-1]["text"].endswith(ASK))
                parts = [{"type": "text", "text": BOOK}, {"type": "text", "text": ASK}]
                same = served.chat([{"role": "developer", "content": "Be short."}, {"role": "user", "content": parts}],
                                   max_tokens=4, gemring={"keep": 128})
                self.assertEqual(same["usage"]["completion_tokens"], 4)

    def test_all_is_read_where_the_filter_is_not_wanted(self):
        expected = self.report([*MODEL, "--prompt", BOOK, "--method", "full", "--max-new-tokens", 8], 0)
        with Served() as served:
            got = served.post("/v1/completions", {"prompt": BOOK, "max_tokens": 8, "gemring": {"method": "full"}})
            self.assertEqual(got["choices"][0]["text"], expected["text"])
            self.assertEqual(got["gemring"]["kept_tokens"], expected["prompt_tokens"])

    def test_a_stream_says_the_same_in_pieces(self):
        with Served() as served:
            for path, prompt in ((CHAT, {"messages": [{"role": "user", "content": BOOK}]}), ("/v1/completions", {"prompt": BOOK})):
                body = {**prompt, "max_tokens": 20, "temperature": 0.8, "seed": 7}
                whole = served.post(path, body)
                events = served.stream(path, {**body, "stream_options": {"include_usage": True}, "return_progress": True})
                self.assertEqual({event["id"] for event in events}, {events[0]["id"]})
                usage = events.pop()
                self.assertEqual((usage["choices"], usage["usage"]), ([], whole["usage"]))
                choices = [event["choices"][0] for event in events]
                self.assertEqual(choices[-1]["finish_reason"], whole["choices"][0]["finish_reason"])
                self.assertTrue(all(choice["finish_reason"] is None for choice in choices[:-1]))
                if path == CHAT:
                    self.assertEqual(choices[0]["delta"], {"role": "assistant", "content": ""})
                    text = "".join(choice["delta"].get("content", "") for choice in choices)
                    self.assertEqual(text, whole["choices"][0]["message"]["content"])
                else:
                    self.assertEqual("".join(choice["text"] for choice in choices), whole["choices"][0]["text"])
                progress = [event["prompt_progress"] for event in events if "prompt_progress" in event]
                self.assertTrue(progress)
                self.assertEqual(progress[-1]["total"], whole["usage"]["prompt_tokens"])

    def test_prompts_are_texts_ids_or_arrays_of_them(self):
        with Served() as served:
            ids = served.post("/tokenize", {"content": "Alice was"})["tokens"]
            self.assertEqual(served.post("/detokenize", {"tokens": ids}), {"content": "Alice was"})
            one = served.post("/v1/completions", {"prompt": ids, "max_tokens": 5})["choices"]
            two = served.post("/v1/completions", {"prompt": [ids, ids], "max_tokens": 5})["choices"]
            self.assertEqual([choice["index"] for choice in two], [0, 1])
            self.assertEqual({choice["text"] for choice in two}, {one[0]["text"]})
            texts = served.post("/v1/completions", {"prompt": ["Alice was", "The Queen"], "max_tokens": 5})["choices"]
            self.assertEqual(len(texts), 2)
            prompt = served.post("/apply-template", {"messages": [{"role": "user", "content": "Hi"}]})["prompt"]
            self.assertTrue(prompt.startswith("<|im_start|>user\nHi<|im_end|>"), prompt)

    def test_stop_strings_end_an_answer_and_are_no_part_of_it(self):
        with Served() as served:
            body = {"prompt": BOOK, "max_tokens": 30}
            text = served.post("/v1/completions", body)["choices"][0]["text"]
            stop = text[len(text) // 2:len(text) // 2 + 3]
            ended = served.post("/v1/completions", {**body, "stop": stop})["choices"][0]
            self.assertEqual((ended["text"], ended["finish_reason"]), (text[:text.index(stop)], "stop"))
            events = served.stream("/v1/completions", {**body, "stop": [stop]})
            self.assertEqual("".join(event["choices"][0]["text"] for event in events), ended["text"])

    def test_a_service_without_requests_stands(self):
        with Served(["--stall-timeout", 2], ranks=2) as served:
            time.sleep(5)
            self.assertEqual(served.chat("Hi", max_tokens=2)["usage"]["completion_tokens"], 2)


class Page(EndToEnd):
    def test_it_is_one_file_that_runs_nothing_else(self):
        with Served(["--api-key-file", self.path("key", "sesame")]) as served:
            status, headers, body = served.ask("GET", "/")
            self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
            policy = headers["Content-Security-Policy"]
            nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", policy).group(1)
            self.assertIn(f'<script nonce="{nonce}">'.encode(), body)
            self.assertNotIn(b"{nonce}", body)
            self.assertIn("default-src 'none'", policy)
            self.assertNotRegex(body.decode(), r"https?://|innerHTML|document\.write|insertAdjacentHTML|eval\(")
            self.assertNotEqual(served.ask("GET", "/")[1]["Content-Security-Policy"], policy)


class Refusals(EndToEnd):
    def test_what_cannot_be_had_is_told_by_its_name(self):
        message = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
        image = {"type": "image_url", "image_url": {"url": "data:,"}}
        bad = [({**message, "tools": [{"type": "function"}]}, "tools"), ({**message, "n": 2}, "n"),
               ({**message, "response_format": {"type": "json_object"}}, "response_format"),
               ({**message, "logprobs": True}, "logprobs"), ({**message, "chat_template": "x"}, "chat_template"),
               ({**message, "temperature": -1}, "temperature"), ({**message, "temperature": "hot"}, "temperature"),
               ({**message, "max_tokens": 0}, "max_tokens"), ({**message, "max_tokens": 4097}, "max_tokens"),
               ({**message, "stream": 1}, "stream"), ({**message, "gemring": {"kept": 1}}, "gemring.kept"),
               ({**message, "chat_template_kwargs": {"enable_thinking": False}}, "chat_template_kwargs.enable_thinking"),
               ({"messages": []}, "messages"), ({}, "messages"), ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
               ({"messages": [{"role": "user", "content": [image]}]}, "messages[0].content[0]"),
               ({"messages": [{"role": "user"}]}, "messages[0].content")]
        fine = {**message, "tools": [], "n": 1, "response_format": {"type": "text"}, "user": "me", "metadata": {"a": 1},
                "logprobs": False, "logit_bias": {}, "tool_choice": "auto", "seed": None, "stop": None, "service_tier": "auto"}
        with Served() as served:
            for body, param in bad:
                with self.subTest(param=param, body=str(body)[:200]):
                    error = served.post(CHAT, body, 400)["error"]
                    self.assertEqual((error["param"], error["type"]), (param, "invalid_request_error"))
            self.assertIn("prompt", served.post("/v1/completions", {"max_tokens": 1}, 400)["error"]["message"])
            for prompt in ([], [-1], [10**9], [[]], {"a": 1}, 5, ""):
                served.post("/v1/completions", {"prompt": prompt, "max_tokens": 1}, 400)
            self.assertEqual(served.post(CHAT, fine)["object"], "chat.completion")
            for body in (b"", b"{", b"[]", b'{"a":' * 1000, b"\xff", b"null", b'{"messages": [{"role": "user", "content": "\xff"}]}'):
                self.assertEqual(served.ask("POST", CHAT, body)[0], 400, body[:40])

    def test_a_prompt_beyond_the_limit_is_refused_with_both_figures(self):
        with Served(["--max-prompt", 300, "--max-keep", 200, "--max-new-tokens", 10]) as served:
            error = served.post(CHAT, {"messages": [{"role": "user", "content": BOOK}]}, 400)["error"]
            self.assertEqual((error["code"], error["n_ctx"]), ("context_length_exceeded", 300))
            self.assertGreater(error["n_prompt_tokens"], 300)
            short = BOOK[:900]
            tokens = served.post("/tokenize", {"content": short})["count"]
            self.assertTrue(200 < tokens < 300, tokens)
            error = served.post("/v1/completions", {"prompt": short, "gemring": {"method": "full"}}, 400)["error"]
            self.assertEqual(error["param"], "gemring.method")
            got = served.post("/v1/completions", {"prompt": short, "gemring": {"keep": 100}, "ignore_eos": True})
            self.assertEqual((got["usage"]["completion_tokens"], got["gemring"]["kept_tokens"]), (10, 100))

    def test_who_may_ask(self):
        key_file = self.path("key", "sesame\n")
        with Served(["--api-key-file", key_file, "--allowed-host", "gems.example"]) as served:
            self.assertEqual(served.ask("GET", "/health")[0], 200)
            for headers, status in (({}, 401), ({"Authorization": "Bearer sesam"}, 401), ({"Authorization": "Bearer sesame"}, 200),
                                    ({"x-api-key": "sesame"}, 200), ({"x-api-key": "sesame", "Host": "evil.example"}, 403),
                                    ({"x-api-key": "sesame", "Host": "gems.example:80"}, 200),
                                    ({"x-api-key": "sesame", "Host": "[::1]:1"}, 200)):
                self.assertEqual(served.ask("GET", "/v1/models", headers=headers)[0], status, headers)
            self.assertEqual(served.ask("GET", "/metrics")[0], 401)
            self.assertEqual(served.ask("POST", CHAT, b"{}", {"x-api-key": "sesame", "Content-Type": "text/plain"})[0], 415)
            for leaked in (served.run.stdout, served.run.stderr):
                self.assertNotIn("sesame", leaked)

    def test_beyond_the_machine_a_key_is_wanted(self):
        self.assert_fails(Run(command(["serve", *MODEL, "--port", 0, "--host", "0.0.0.0"], 0)), 2, "--no-api-key")
        with Served(["--host", "0.0.0.0", "--no-api-key"]) as served:
            self.assertEqual(served.get("/health"), {"status": "ok"})

    def test_a_port_that_is_taken_is_told(self):
        with Served() as served:
            self.assert_fails(Run(command(["serve", *MODEL, "--port", served.port], 0)), 2, "Address already in use", "--port")


class Protocol(EndToEnd):
    def test_http_as_clients_speak_it(self):
        body = json.dumps({"prompt": "Alice", "max_tokens": 2}).encode()
        head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        end = b"Connection: close\r\n"
        sized = b"Content-Length: %d\r\n" % len(body)
        with Served(["--max-body", 1]) as served:
            chunked = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\n\r\n"
            got = served.raw(head + end + b"Transfer-Encoding: chunked\r\n\r\n" + chunked)
            self.assertTrue(got.startswith(b"HTTP/1.1 200 OK\r\n"), got)
            two = served.raw(head + sized + b"\r\n" + body + head + end + sized + b"\r\n" + body)
            self.assertEqual(two.count(b"HTTP/1.1 200 OK"), 2)
            got = served.raw(head + end + b"Expect: 100-continue\r\n" + sized + b"\r\n" + body)
            self.assertTrue(got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"), got)
            old = served.raw(b"POST /v1/completions HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
                             b"Content-Length: %d\r\n\r\n" % (len(body) - 1 + len(b', "stream": true}')) +
                             body[:-1] + b', "stream": true}')
            self.assertIn(b"data: [DONE]", old)
            self.assertNotIn(b"chunked", old)
            got = served.raw(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.assertTrue(got.endswith(b"\r\n\r\n"), got)
            for request, status in (
                    (head + sized + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                    (head + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\n{}", 400),
                    (head + b"Content-Length: x\r\n\r\n", 400), (b"nonsense\r\n\r\n", 400),
                    (b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
                    (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 400),
                    (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20000 + b"\r\n\r\n", 431),
                    (b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431),
                    (head + b"Content-Length: 99999999\r\n\r\n", 413),
                    (head + b"Transfer-Encoding: chunked\r\n\r\n" + b"100000\r\n" + b"a" * 0x100000 + b"\r\n1\r\na\r\n", 413),
                    (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
                    (b"PUT /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405),
                    (b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 415)):
                with self.subTest(request=request[:120]):
                    got = served.raw(request)
                    self.assertTrue(got.startswith(b"HTTP/1.1 %d " % status), got[:200])

    def test_hostile_bytes_end_their_own_connection_only(self):
        draw = random.Random(5)
        pieces = [b"GET ", b"POST ", b"/v1/completions", b"/health", b" HTTP/1.1\r\n", b"Host: localhost\r\n", b"\r\n", b"\0",
                  b"Content-Length: ", b"-1", b"99999999999999999999", b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\n",
                  b"{", b'"prompt"', b":", b"[", b"\xff\xfe", b"a" * 3000, b"Content-Type: application/json\r\n"]
        with Served() as served:
            before = served.get("/health")
            for _ in range(1500):
                with socket.create_connection(("127.0.0.1", served.port), timeout=30) as peer:
                    try:
                        peer.sendall(b"".join(draw.choices(pieces, k=draw.randrange(1, 14))))
                    except OSError:
                        pass
            size = self.resident(served.pid)
            self.assertLess(size, 200 << 20)
            self.assertEqual(served.get("/health"), before)
            self.assertEqual(served.chat("Hi", max_tokens=2)["object"], "chat.completion")

    def test_a_header_that_does_not_come_is_not_waited_for(self):
        with Served() as served:
            begin = time.monotonic()
            with socket.create_connection(("127.0.0.1", served.port), timeout=30) as peer:
                got = b""
                peer.settimeout(1)
                while time.monotonic() - begin < 20:
                    try:
                        peer.sendall(b"G" if not got else b"")
                        chunk = peer.recv(1000)
                    except socket.timeout:
                        continue
                    except OSError:
                        break
                    if not chunk:
                        break
                    got += chunk
            self.assertLess(time.monotonic() - begin, 16)

    @staticmethod
    def resident(pid):
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096


class Fairness(EndToEnd):
    def start_long(self, served, **fields):
        connection = served.connect()
        body = {"messages": [{"role": "user", "content": "Hi"}], **LONG, **fields}
        connection.request("POST", CHAT, json.dumps(body), JSON)
        return connection

    def test_more_than_the_queue_holds_come_again_later(self):
        with Served(["--parallel", 1, "--queue", 1]) as served:
            first = [self.start_long(served) for _ in range(2)]
            served.wait_until(lambda: len(served.get("/slots")) == 2)
            status, headers, body = served.ask("POST", CHAT, {"messages": [{"role": "user", "content": "Hi"}]})
            self.assertEqual((status, json.loads(body)["error"]["code"]), (429, "queue_full"))
            self.assertGreater(int(headers["Retry-After"]), 0)
            for connection in first:
                connection.close()
            served.wait_until(lambda: served.get("/slots") == [])
            self.assertEqual(served.metric('gemring_request_success_total{model_name="model",finished_reason="cancelled"}'), 2)
            self.assertEqual(served.metric('gemring_request_success_total{model_name="model",finished_reason="refused"}'), 1)
            self.assertEqual(served.chat("Hi", max_tokens=2)["usage"]["completion_tokens"], 2)

    def test_a_client_that_goes_is_cancelled_on_all_ranks(self):
        for ranks, stream in ((0, True), (3, False), (2, True)):
            with self.subTest(ranks=ranks), Served(ranks=ranks) as served:
                connection = self.start_long(served, stream=stream)
                served.wait_until(lambda: any(slot["n_decoded"] > 3 for slot in served.get("/slots")))
                connection.close()
                served.wait_until(lambda: served.get("/slots") == [], 5)
                self.assertEqual(served.chat("Hi", max_tokens=2)["usage"]["completion_tokens"], 2)

    def test_a_client_that_goes_while_its_text_is_read_leaves_nothing(self):
        with Served() as served:
            body = json.dumps({"prompt": BOOK * 2, **LONG}).encode()
            cancelled = 'gemring_request_success_total{model_name="model",finished_reason="cancelled"}'
            for wait in (0, 0.05, 0.5):
                before = served.metric(cancelled)
                connection = served.connect()
                connection.request("POST", "/v1/completions", body, JSON)
                time.sleep(wait)
                connection.close()
                served.wait_until(lambda: served.metric(cancelled) == before + 1)
                self.assertEqual(served.get("/slots"), [])

    def test_a_request_ends_in_its_time(self):
        with Served(["--request-timeout", 1, "--max-new-tokens", 30000]) as served:
            body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 30000, "ignore_eos": True}
            self.assertEqual(served.post(CHAT, body, 504)["error"]["type"], "timeout_error")
            _, _, answer = served.ask("POST", CHAT, {**body, "stream": True})
            self.assertEqual(json.loads(answer.decode().strip().rsplit("data: ", 1)[1])["error"]["type"], "timeout_error")
            served.wait_until(lambda: served.get("/slots") == [])

    def test_who_does_not_read_is_let_go(self):
        with Served(["--max-new-tokens", 30000, "--parallel", 8]) as served, socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(("127.0.0.1", served.port))
            body = json.dumps({"prompt": ["Hi"] * 8, "max_tokens": 30000, "ignore_eos": True, "stream": True}).encode()
            peer.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body)
            cancelled = 'gemring_request_success_total{model_name="model",finished_reason="cancelled"}'
            served.wait_until(lambda: served.metric(cancelled) == 8, 60)

    def test_many_at_once_get_the_answers_that_each_gets_alone(self):
        with Served(["--parallel", 3], ranks=2) as served:
            prompts = [BOOK[i * 37:i * 37 + 200 + 300 * (i % 5)] for i in range(24)]
            ask = lambda prompt: served.post("/v1/completions", {"prompt": prompt, "max_tokens": 9,
                                                                 "gemring": {"keep": 200}})["choices"][0]["text"]
            alone = [ask(prompt) for prompt in prompts]
            with ThreadPoolExecutor(12) as pool:
                self.assertEqual(list(pool.map(ask, prompts)), alone)


class End(EndToEnd):
    def test_what_was_accepted_is_answered_and_then_it_ends(self):
        for ranks in (0, 2):
            with self.subTest(ranks=ranks), Served(["--parallel", 1], ranks=ranks) as served:
                body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 700, "ignore_eos": True}
                waiting = []
                for _ in range(2):
                    waiting.append(served.connect())
                    waiting[-1].request("POST", CHAT, json.dumps(body), JSON)
                served.wait_until(lambda: len(served.get("/slots")) == 2)
                os.kill(served.pid, signal.SIGTERM)
                served.wait_until(lambda: "ending" in served.run.stderr)
                for connection in waiting:
                    answer = connection.getresponse()
                    self.assertEqual(answer.status, 200)
                    self.assertEqual(json.loads(answer.read())["usage"]["completion_tokens"], 700)
                served.wait_until(lambda: served.run.finished)
                self.assertEqual(served.run.process.returncode, 0)

    def test_a_second_signal_ends_it_at_once(self):
        with Served(["--max-new-tokens", 30000]) as served:
            connection = served.connect()
            connection.request("POST", CHAT, json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 30000,
                                                         "ignore_eos": True}), JSON)
            served.wait_until(lambda: served.get("/slots") != [])
            served.signal(signal.SIGINT)
            served.wait_until(lambda: "ending" in served.run.stderr)
            self.assertEqual(served.ask("POST", CHAT, b"{}")[0], 503)
            served.signal(signal.SIGINT)
            served.wait_until(lambda: served.run.finished, 5)
            self.assertEqual(served.run.process.returncode, -signal.SIGINT)


if __name__ == "__main__":
    gemring_run.main()
