"""
python_overhead.py: what a step costs from Python beyond the same step in C, 38 atoms.

The same descents in one process, interleaved: hop_optimizer_run in C (without a callback,
in a thread, where none is needed), run() with and without a progress function, iterate(),
and the ask/tell loop.  Minimum of many rounds, microseconds for each evaluation.
"""

import threading
import time

import hop

ROUNDS = 40
STEPS = 1000


def optimizer(potential, start):
    return hop.Optimizer(
        "lbfgs", start.copy(), potential, fmax=1e-12, max_evaluations=STEPS, patience=0,
        quenches=0,
    )  # fmt: skip


def in_thread(action):
    thread = threading.Thread(target=action)
    begin = time.perf_counter()
    thread.start()
    thread.join()
    return time.perf_counter() - begin


def timed(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def ask_and_tell(potential, opt):
    atoms = opt.structure
    while opt.ask():
        potential.evaluate(atoms)
        opt.tell()


def main():
    potential = hop.Potential.builtin("AgAu.gupta")
    start = hop.Structure.random("Ag19Au19", potential, seed=1)
    ways = {
        "C alone": lambda opt: in_thread(opt.run),
        "run()": lambda opt: timed(opt.run),
        "run(progress)": lambda opt: timed(lambda: opt.run(lambda p: False)),
        "iterate()": lambda opt: timed(lambda: all(True for _ in opt.iterate())),
        "ask, evaluate, tell": lambda opt: timed(lambda: ask_and_tell(potential, opt)),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            opt = optimizer(potential, start)
            seconds = way(opt)
            best[name] = min(best[name], seconds / opt.progress.evaluations * 1e6)
    for name, time_ in best.items():
        print(f"{name:20s} {time_:7.2f} us, {time_ - best['C alone']:+6.2f} us")


if __name__ == "__main__":
    main()
