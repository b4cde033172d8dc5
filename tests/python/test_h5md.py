"""Trajectories as others read them: h5py and MDAnalysis."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
from support import DATA, ROOT, hop

try:
    import h5py
except ImportError:
    h5py = None
try:
    import MDAnalysis
except ImportError:
    MDAnalysis = None

PROGRAMS = Path(os.environ.get("HOP_LIBRARY", ROOT / "build" / "x")).resolve().parent
KJ_PER_MOL = 1.602176634e-19 * 6.02214076e23 / 1000  # of an eV


def frames(path):
    """Extended XYZ that libhop wrote: structures, one after the other."""
    found = []
    while True:
        try:
            found.append(hop.Structure.read(path, len(found)))
        except (EOFError, IndexError, hop.Error):
            return found


@unittest.skipIf(h5py is None, "h5py is not installed")
@unittest.skipUnless((PROGRAMS / "hop-relax").exists(), "the programs are not built")
class Trajectory(unittest.TestCase):
    def relax(self, potential, start):
        """One relaxation in both formats: the H5MD file, and frames of the other."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name in ("a.h5md", "a.xyz"):
            subprocess.run(
                [PROGRAMS / "hop-relax", "-p", potential, DATA / "oracle" / start]
                + ["-o", "out.xyz", "-t", name],
                cwd=folder.name,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        path = Path(folder.name)
        return path / "a.h5md", frames(path / "a.xyz")

    def check(self, potential, start, periodic):
        path, expected = self.relax(potential, start)
        self.assertGreater(len(expected), 5)
        x = np.array([s.positions for s in expected])
        f = np.array([s.forces for s in expected])
        cells = np.array([s.cell for s in expected])
        energies = np.array([s.energy for s in expected])
        steps = np.arange(1, len(expected) + 1)
        with h5py.File(path) as file:
            self.assertEqual(file["h5md"].attrs["version"].tolist(), [1, 1])
            self.assertEqual(file["h5md/creator"].attrs["name"], b"libhop")
            atoms = file["particles/all"]
            boundary = [b"periodic" if periodic else b"none"] * 3
            self.assertEqual(atoms["box"].attrs["boundary"].tolist(), boundary)
            self.assertEqual(atoms["box"].attrs["dimension"], 3)
            self.assertEqual("edges" in atoms["box"], periodic)
            self.assertEqual(atoms["position/value"].attrs["unit"], "Angstrom")
            self.assertTrue((atoms["position/value"][()] == x).all())
            self.assertTrue((atoms["position/step"][()] == steps).all())
            self.assertTrue((atoms["position/time"][()] == steps).all())
            # time and step are one dataset for all elements
            self.assertEqual(atoms["force/step"], atoms["position/step"])
            np.testing.assert_allclose(
                atoms["force/value"][()], f * KJ_PER_MOL, rtol=1e-15, atol=0
            )
            energy = file["observables/potential_energy"]
            self.assertEqual(energy["value"].attrs["unit"], "eV")
            self.assertTrue((energy["value"][()] == energies).all())
            self.assertEqual(energy["step"], atoms["position/step"])
            self.assertEqual(atoms["species"][()].tolist(), list(expected[0].numbers))
            self.assertTrue((atoms["mass"][()] > 20).all())
            vmd = file["parameters/vmd_structure"]
            self.assertEqual(
                set(vmd["indexOfSpecies"][()]), set(atoms["species"][()])
            )
            self.assertEqual(vmd["name"].dtype.kind, "S")
            if periodic:
                self.assertTrue((atoms["box/edges/value"][()] == cells).all())
        if MDAnalysis is not None:
            self.check_mdanalysis(path, x, f, cells if periodic else None, energies)

    def check_mdanalysis(self, path, x, f, cells, energies):
        universe = MDAnalysis.Universe.empty(x.shape[1], trajectory=True, forces=True)
        universe.load_new(str(path), format="H5MD")
        self.assertEqual(len(universe.trajectory), len(x))
        for k, frame in enumerate(universe.trajectory):
            self.assertEqual(frame.time, k + 1)
            self.assertEqual(frame.data["step"], k + 1)
            self.assertEqual(frame.data["potential_energy"], energies[k])
            self.assertTrue((frame.positions == x[k].astype(np.float32)).all())
            scale = np.abs(f[k]).max() * KJ_PER_MOL
            np.testing.assert_allclose(
                frame.forces, f[k] * KJ_PER_MOL, rtol=1e-6, atol=1e-6 * scale
            )
            if cells is None:
                self.assertIsNone(frame.dimensions)
            else:
                lengths = np.linalg.norm(cells[k], axis=1)
                np.testing.assert_allclose(frame.dimensions[:3], lengths, rtol=1e-6)

    def test_cluster(self):
        self.check("AgAu.gupta", "gupta_au20ag18.xyz", False)

    def test_crystal(self):
        self.check("AgAu-cutoff.gupta", "gupta_cut_agau32_alloy.xyz", True)


if __name__ == "__main__":
    unittest.main()
