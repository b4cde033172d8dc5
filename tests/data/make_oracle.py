#!/usr/bin/env python3
"""make_oracle.py FOLDER: reference cases (JSON: positions, energy, forces, virial from
LAMMPS, GMIN's Fortran and ASE) -> tests/data/oracle: one extended XYZ file a case, which
holds the reference results, the parameter file it belongs to, and the list cases.txt."""
import glob
import json
import os
import sys

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle")
names = []
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.json"))):
    for case in json.load(open(path))["cases"]:
        p, name = case["potential"], case["id"]
        if p["style"] == "gupta":
            potential = name + ".gupta"
            lines = ["# UNITS: metal CITATION: " + ", ".join(p["parameter_rows"])]
            for pair, v in p["pairs"].items():
                numbers = [v[k] for k in ("r0", "p", "q", "A", "xi")]
                numbers += [v[k] for k in ("rcs", "rc") if k in v]
                lines.append(" ".join(pair.split("-") + [repr(x) for x in numbers]))
        elif p["style"] == "sw":
            potential, lines = "Si.sw", None
        else:
            potential, el = name + ".lj", case["species"][0]
            units = "lj" if p["units"] == "reduced" else "metal"
            line = f"{el} {el} {p['epsilon']!r} {p['sigma']!r}"
            if p["rcut"]:
                line += f" {p['rcut']!r} {'shift' if p['shifted'] else 'truncate'}"
            lines = ["# UNITS: " + units, line]
        if lines:
            with open(os.path.join(out, potential), "w") as f:
                f.write("\n".join(lines) + "\n")
        with open(os.path.join(out, name + ".xyz"), "w") as f:
            f.write(f"{len(case['species'])}\n")
            if case["cell"]:
                cell = " ".join(repr(float(x)) for r in case["cell"] for x in r)
                f.write(f'Lattice="{cell}" ')
            f.write("Properties=species:S:1:pos:R:3:forces:R:3 ")
            f.write('pbc="' + " ".join("T" if b else "F" for b in case["pbc"]) + '" ')
            f.write(f"energy={case['energy']!r} ")
            f.write('virial="' + " ".join(repr(x) for x in case["virial_voigt"]) + '"\n')
            for s, x, g in zip(case["species"], case["positions"], case["forces"]):
                f.write(" ".join([s] + [repr(float(v)) for v in x + g]) + "\n")
        names.append(f"{name} {potential}")
with open(os.path.join(out, "cases.txt"), "w") as f:
    f.write("\n".join(names) + "\n")
