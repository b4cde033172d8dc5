"""Exceptions."""

import pickle
import unittest

from support import hop


class Errors(unittest.TestCase):
    natural = {
        "ArgumentError": ValueError,
        "OutOfMemoryError": MemoryError,
        "FileError": OSError,
        "FormatError": ValueError,
        "CorruptError": ValueError,
        "VersionError": ValueError,
        "RangeError": OverflowError,
        "UnsupportedError": NotImplementedError,
        "ProviderError": RuntimeError,
        "NonfiniteError": ArithmeticError,
        "StateError": RuntimeError,
        "EndError": IndexError,
    }

    def test_classes(self):
        for name, natural in self.natural.items():
            kind = getattr(hop, name)
            self.assertTrue(issubclass(kind, hop.Error) and issubclass(kind, natural))
            problem = kind("what went wrong")
            self.assertEqual(str(problem), "what went wrong")
            self.assertEqual(problem.message, "what went wrong")
            self.assertEqual(problem.name, "HOP_" + problem.status.name)

    def test_every_error_has_a_class(self):
        from hop._errors import error

        for status in hop.Status:
            problem = error(status, "text")
            self.assertEqual(problem.status, status)
            self.assertEqual(type(problem) is hop.Error, status >= 0 and status != 8)

    def test_unknown_status(self):
        from hop._errors import error

        problem = error(-99, "")
        self.assertEqual((problem.status, problem.name), (-99, "HOP_UNKNOWN"))
        self.assertTrue(str(problem))

    def test_pickle(self):
        for name in self.natural:
            problem = getattr(hop, name)("text")
            again = pickle.loads(pickle.dumps(problem))
            self.assertEqual(type(again), type(problem))
            self.assertEqual((str(again), again.status), ("text", problem.status))
        again = pickle.loads(pickle.dumps(hop.Error("text", -99)))
        self.assertEqual((str(again), again.status), ("text", -99))


class Package(unittest.TestCase):
    def test_all(self):
        self.assertEqual(sorted(hop.__all__), list(hop.__all__))
        for name in hop.__all__:
            self.assertTrue(hasattr(hop, name), name)

    def test_documented(self):
        for name in hop.__all__:
            thing = getattr(hop, name)
            if callable(thing):
                self.assertTrue(thing.__doc__, name)
            for member, value in vars(thing).items() if isinstance(thing, type) else ():
                public = not member.startswith("_")
                if public and (callable(value) or isinstance(value, property)):
                    if member not in ("kind",):
                        self.assertTrue(value.__doc__, f"{name}.{member}")


if __name__ == "__main__":
    unittest.main()
