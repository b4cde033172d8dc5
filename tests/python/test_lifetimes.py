"""Objects come and go: 1e5 of them, over forks, beside threads, with the lock released."""

import gc
import os
import threading
import unittest

import numpy as np
from support import cluster, growth, hop


class Lifetimes(unittest.TestCase):
    def test_a_hundred_thousand(self):
        potential = hop.Potential.builtin("Ag.gupta")
        start = cluster(5)

        def action():
            atoms = start.copy()
            optimizer = hop.Optimizer("lbfgs", atoms, potential)
            optimizer.ask()
            atoms.positions, optimizer.progress

        gc.disable()
        self.addCleanup(gc.enable)
        self.assertLess(growth(action, 5000, 100000), 1 << 20)

    def test_in_any_order(self):
        potential = hop.Potential.builtin("Ag.gupta")
        atoms = cluster(5)
        optimizer = hop.Optimizer("learned", atoms, potential, hop.Model.pretrained())
        positions, parameters = atoms.positions, hop.Model().parameters
        del potential, atoms
        gc.collect()
        optimizer.set(max_evaluations=50)
        optimizer.run()
        best = optimizer.best
        del optimizer
        gc.collect()
        self.assertTrue(np.isfinite(best.energy))
        self.assertTrue(np.isfinite(positions).all() and np.isfinite(parameters).all())

    def test_after_fork(self):
        potential = hop.Potential.builtin("AgAu.gupta")
        atoms = hop.Structure.random("Ag7Au6", potential, 1)
        optimizer = hop.Optimizer("basin-hopping", atoms, potential, max_evaluations=200)
        optimizer.set(seed=3)
        for _ in zip(range(50), optimizer.iterate()):
            pass
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            optimizer.run()
            os.write(write, str(atoms.energy).encode())
            os._exit(0)
        os.close(write)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        with os.fdopen(read) as file:
            theirs = float(file.read())
        optimizer.run()
        self.assertEqual(atoms.energy, theirs, "the same from there on")

    def test_lock_is_released(self):
        potential = hop.Potential.builtin("Ag.gupta")
        atoms = hop.Structure.random("Ag300", potential, 1)
        optimizer = hop.Optimizer(
            "basin-hopping", atoms, potential, max_evaluations=3000
        )
        thread = threading.Thread(target=optimizer.run)
        thread.start()
        turns = 0
        while thread.is_alive():
            turns += 1
        self.assertGreater(optimizer.progress.evaluations, 2900)
        self.assertGreater(turns, 1000, "this thread ran while C computed")

    def test_threads_of_ones_own(self):
        expected = {}
        for seed in range(4):
            potential = hop.Potential.builtin("AgAu.gupta")
            expected[seed] = hop.search(
                "Ag7Au6", potential, evaluations=500, seed=seed
            ).best.energy
        found = {}

        def work(seed):
            potential = hop.Potential.builtin("AgAu.gupta")
            found[seed] = hop.search(
                "Ag7Au6", potential, evaluations=500, seed=seed
            ).best.energy

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, expected)


if __name__ == "__main__":
    unittest.main()
