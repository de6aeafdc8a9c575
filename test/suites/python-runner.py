"""Runs one module of CPython's test suite; prints a line for each test: when it starts, and how it ends."""
import sys
import unittest
from test import support
from test.support import os_helper


def tell(what, test):
    sys.__stdout__.write(f"\n@@ {what} {test.id()}\n")
    sys.__stdout__.flush()


class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        tell("start", test)

    def addSuccess(self, test):
        tell("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        tell("fail", test)
        print(self.failures[-1][1], flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        tell("error", test)
        print(self.errors[-1][1], flush=True)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addError(test, err)

    def addSkip(self, test, reason):
        tell("skip", test)

    def addExpectedFailure(self, test, err):
        tell("expected-failure", test)

    def addUnexpectedSuccess(self, test):
        tell("unexpected-success", test)


def each(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each(test)
        else:
            yield test


# A process that multiprocessing spawns imports this file, too.
if __name__ == '__main__':
    module, skipped = sys.argv[1], set(sys.argv[2:])
    support.use_resources = []
    support.verbose = 0
    with os_helper.temp_cwd():
        found = unittest.defaultTestLoader.loadTestsFromName(module)
        for broken in each(found):
            if broken.id() in skipped:
                setattr(broken, broken._testMethodName, lambda: None)
        result = Result()
        found.run(result)
        support.reap_children()
    sys.__stdout__.write("\n@@ end\n")
    sys.__stdout__.flush()
