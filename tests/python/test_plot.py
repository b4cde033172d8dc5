"""Pictures: that they show what they were given."""

import io
import unittest
from importlib.util import find_spec

import numpy as np
from support import cluster, hop

try:
    import hop.plot
except ImportError:
    matplotlib = None
else:
    import matplotlib


@unittest.skipIf(matplotlib is None, "matplotlib is not installed")
class Pictures(unittest.TestCase):
    def draw(self, figure):
        """It can be drawn, too."""
        figure.savefig(io.BytesIO(), format="png")
        (axes,) = figure.axes
        return axes

    def test_energies(self):
        low = [(1, 5.0), (10, 3.0), (100, 1.0)]
        high = [(1, 7.0), (50, 4.0), (90, 2.0)]
        axes = self.draw(hop.plot.energies({"two": [low, high], "one": [low]}))
        x, y = axes.lines[0].get_data()
        self.assertEqual((x[0], x[-1]), (1, 100))
        self.assertEqual(y[0], 6.0)
        self.assertEqual(y[-1], 1.5)
        self.assertEqual(y[np.searchsorted(x, 49)], (3.0 + 7.0) / 2)
        names = [text.get_text() for text in axes.get_legend().get_texts()]
        self.assertEqual(names, ["two", "one"])
        axes = self.draw(hop.plot.energies({"one": [low]}, reference=0.5))
        self.assertEqual(axes.lines[0].get_ydata()[-1], 0.5)
        self.assertEqual(axes.get_yscale(), "log")
        with self.assertRaisesRegex(ValueError, "run"):
            hop.plot.energies({"none": []})

    def test_energies_of_a_search(self):
        potential = hop.Potential.builtin("AgAu.gupta")
        found = hop.search("Ag7Au6", potential, evaluations=300, runs=2)
        self.assertIsNone(self.draw(hop.plot.energies(found)).get_legend())
        axes = self.draw(hop.plot.energies({"learned": found, "same": found.runs}))
        self.assertAlmostEqual(
            axes.lines[0].get_ydata()[-1],
            np.median([run.structure.energy for run in found.runs]),
            6,
        )

    def test_training(self):
        tasks = [("Ag.gupta", "Ag7", 1), ("Cu.gupta", "Cu7", "validation")]
        history = hop.train(
            tasks, updates=4, batch=2, validate=2, validations=2, windows=1
        ).history
        axes = self.draw(hop.plot.training(history))
        loss, mean, validation = axes.lines
        self.assertEqual(loss.get_ydata().tolist(), [p.loss for p in history])
        self.assertEqual(mean.get_ydata().tolist(), [p.loss_average for p in history])
        self.assertEqual(list(validation.get_xdata()), [2, 4])
        with self.assertRaisesRegex(ValueError, "update"):
            hop.plot.training([])

    def test_structure(self):
        atoms = cluster(13)
        axes = self.draw(hop.plot.structure(atoms))
        (discs,) = axes.collections
        each = len(discs.get_offsets()) // 13
        self.assertEqual(len(discs.get_offsets()), 13 * each)
        turned = self.draw(hop.plot.structure(atoms, view=(90, 0)))
        width = np.ptp(turned.collections[0].get_offsets()[::each, 0])
        self.assertAlmostEqual(width, np.ptp(atoms.positions[:, 2]), 9)
        self.draw(hop.plot.structure(hop.Structure("Ag")))
        if find_spec("ase"):
            from ase.constraints import FixCom

            theirs = atoms.to_ase()
            theirs.set_constraint(FixCom())
            axes = self.draw(hop.plot.structure(theirs))
            self.assertEqual(len(axes.collections[0].get_offsets()), 13 * each)

    def test_calls(self):
        axes = self.draw(hop.plot.calls({"a": [10, 20], "b": [5, np.inf]}))
        self.assertEqual([bar.get_width() for bar in axes.patches], [15, 5])
        self.assertEqual([len(dots.get_offsets()) for dots in axes.collections], [2, 1])
        self.assertEqual(axes.texts[0].get_text().strip(), "1 not converged")

    def test_given_axes(self):
        from matplotlib.figure import Figure

        figure = Figure()
        left, right = figure.subfigures(1, 2)
        axes = right.subplots()
        self.assertIs(hop.plot.calls({"a": [1]}, axes=axes), figure)
        self.assertEqual(len(axes.patches), 1)


if __name__ == "__main__":
    unittest.main()
