"""Stands for memcached: texts in memory, by their paths."""

import answering

texts = {}


class Texts(answering.Handler):
    def do_GET(self):
        text = texts.get(self.path)
        self.answer(404, "") if text is None else self.answer(200, text)

    def do_PUT(self):
        texts[self.path] = self.body()
        self.answer(201, "")


if __name__ == "__main__":
    answering.serve(Texts, 11211)
