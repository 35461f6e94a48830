"""The official Python clients of OpenAI and Anthropic at the service. launch/test fetches them into
build/python-clients; where they are not, this skips."""

import os
import sys
import unittest

import gemring_run
from gemring_run import EndToEnd
from served import Served

CLIENTS = os.path.join(gemring_run.ROOT, "build", "python-clients")
HI = [{"role": "user", "content": "Who was Alice?"}]


def import_clients():
    if not os.path.isdir(CLIENTS):
        raise unittest.SkipTest(f"no clients in {CLIENTS}: launch/tools/fetch-clients build/python-clients fetches them")
    sys.path.insert(0, CLIENTS)
    try:
        import anthropic
        import openai
    except ImportError as error:  # compiled parts of another Python than this one
        raise unittest.SkipTest(f"the clients in {CLIENTS} cannot be used: {error}") from error
    return openai, anthropic


class Clients(EndToEnd):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        openai, anthropic = import_clients()
        cls.served = Served(["--api-key-file", cls.path(cls, "key", "sesame"), "--alias", "gems"], ranks=2)
        cls.served.__enter__()
        cls.addClassCleanup(cls.served.__exit__)
        url = f"http://127.0.0.1:{cls.served.port}"
        cls.openai, cls.anthropic = openai, anthropic
        cls.one = openai.OpenAI(base_url=url + "/v1", api_key="sesame", max_retries=0)
        cls.other = anthropic.Anthropic(base_url=url, api_key="sesame", max_retries=0)

    def test_chat_completions(self):
        self.assertEqual([model.id for model in self.one.models.list()], ["gems"])
        whole = self.one.chat.completions.create(model="gems", messages=HI, max_completion_tokens=12, temperature=0)
        text = whole.choices[0].message.content
        self.assertTrue(text)
        self.assertEqual(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)
        pieces = list(self.one.chat.completions.create(model="gems", messages=HI, max_tokens=12, stream=True,
                                                       stream_options={"include_usage": True}))
        self.assertEqual("".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices), text)
        self.assertEqual(pieces[-1].usage.completion_tokens, whole.usage.completion_tokens)
        more = self.one.chat.completions.create(model="gems", messages=HI, max_tokens=4,
                                                extra_body={"gemring": {"return_kept": True}})
        self.assertTrue(more.model_extra["gemring"]["kept"])

    def test_completions(self):
        whole = self.one.completions.create(model="gems", prompt=["Alice", "The Queen"], max_tokens=8)
        self.assertEqual([choice.index for choice in whole.choices], [0, 1])
        pieces = self.one.completions.create(model="gems", prompt="Alice", max_tokens=8, stream=True)
        self.assertEqual("".join(piece.choices[0].text for piece in pieces), whole.choices[0].text)

    def test_responses(self):
        chat = self.one.chat.completions.create(model="gems", messages=HI, max_tokens=12)
        whole = self.one.responses.create(model="gems", input=HI[0]["content"], max_output_tokens=16)
        self.assertTrue(whole.output_text.startswith(chat.choices[0].message.content))
        self.assertEqual(whole.status, "completed" if whole.usage.output_tokens < 16 else "incomplete")
        cut = self.one.responses.create(model="gems", input=HI[0]["content"], max_output_tokens=2)
        self.assertEqual((cut.status, cut.usage.output_tokens), ("incomplete", 2))
        with self.one.responses.stream(model="gems", input=HI[0]["content"], max_output_tokens=16) as stream:
            text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        self.assertEqual(text, whole.output_text)

    def test_messages(self):
        chat = self.one.chat.completions.create(model="gems", messages=HI, max_tokens=12)
        whole = self.other.messages.create(model="gems", messages=HI, max_tokens=12)
        self.assertEqual(whole.content[0].text, chat.choices[0].message.content)
        self.assertEqual(whole.usage.input_tokens, chat.usage.prompt_tokens)
        with self.other.messages.stream(model="gems", messages=HI, max_tokens=12) as stream:
            self.assertEqual("".join(stream.text_stream), whole.content[0].text)
            self.assertEqual(stream.get_final_message().stop_reason, whole.stop_reason)
        stop = whole.content[0].text[3:6]
        ended = self.other.messages.create(model="gems", messages=HI, max_tokens=12, stop_sequences=["never", stop])
        self.assertEqual((ended.stop_reason, ended.stop_sequence), ("stop_sequence", stop))
        counted = self.other.messages.count_tokens(model="gems", messages=HI)
        self.assertEqual(counted.input_tokens, whole.usage.input_tokens)

    def test_errors_become_the_clients_own(self):
        with self.assertRaises(self.openai.BadRequestError) as caught:
            self.one.chat.completions.create(model="gems", messages=HI, n=2)
        self.assertEqual(caught.exception.param, "n")
        with self.assertRaises(self.openai.AuthenticationError):
            self.openai.OpenAI(base_url=self.one.base_url, api_key="no", max_retries=0).models.list()
        with self.assertRaises(self.anthropic.BadRequestError) as caught:
            self.other.messages.create(model="gems", messages=HI, max_tokens=5000)
        self.assertEqual(caught.exception.body["error"]["type"], "invalid_request_error")
        with self.assertRaises(self.openai.NotFoundError):
            self.one.embeddings.create(model="gems", input="x")


if __name__ == "__main__":
    gemring_run.main()
