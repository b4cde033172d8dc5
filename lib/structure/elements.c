#include "structure/elements.h"

#include <math.h>
#include <string.h>

static const char symbols[HOP__ELEMENTS][3] = {
    "X",  "H",  "He", "Li", "Be", "B",  "C",  "N",  "O",  "F",  "Ne", "Na", "Mg", "Al",
    "Si", "P",  "S",  "Cl", "Ar", "K",  "Ca", "Sc", "Ti", "V",  "Cr", "Mn", "Fe", "Co",
    "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se", "Br", "Kr", "Rb", "Sr", "Y",  "Zr", "Nb",
    "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb", "Te", "I",  "Xe", "Cs",
    "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm",
    "Yb", "Lu", "Hf", "Ta", "W",  "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi",
    "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U",  "Np", "Pu", "Am", "Cm", "Bk",
    "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg",
    "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og"};

/* Cordero et al., Dalton Trans. 2008, 2832; 0.5 for X, 1.6 beyond curium. */
static const float radii[HOP__ELEMENTS] = {
    0.50f, 0.31f, 0.28f, 1.28f, 0.96f, 0.84f, 0.76f, 0.71f, 0.66f, 0.57f, 0.58f, 1.66f,
    1.41f, 1.21f, 1.11f, 1.07f, 1.05f, 1.02f, 1.06f, 2.03f, 1.76f, 1.70f, 1.60f, 1.53f,
    1.39f, 1.39f, 1.32f, 1.26f, 1.24f, 1.32f, 1.22f, 1.22f, 1.20f, 1.19f, 1.20f, 1.20f,
    1.16f, 2.20f, 1.95f, 1.90f, 1.75f, 1.64f, 1.54f, 1.47f, 1.46f, 1.42f, 1.39f, 1.45f,
    1.44f, 1.42f, 1.39f, 1.39f, 1.38f, 1.39f, 1.40f, 2.44f, 2.15f, 2.07f, 2.04f, 2.03f,
    2.01f, 1.99f, 1.98f, 1.98f, 1.96f, 1.94f, 1.92f, 1.92f, 1.89f, 1.90f, 1.87f, 1.87f,
    1.75f, 1.70f, 1.62f, 1.51f, 1.44f, 1.41f, 1.36f, 1.36f, 1.32f, 1.45f, 1.46f, 1.48f,
    1.40f, 1.50f, 1.50f, 2.60f, 2.21f, 2.15f, 2.06f, 2.00f, 1.96f, 1.90f, 1.87f, 1.80f,
    1.69f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f,
    1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f, 1.60f};

/* Standard atomic weights 2021 (Prohaska et al., Pure Appl. Chem. 94, 573 (2022)), the
   conventional value where there is an interval; 1 for X. */
static const double masses[HOP__ELEMENTS] = {
    1.0,      1.008,        4.002602,  6.94,         9.0121831, 10.81,
    12.011,   14.007,       15.999,    18.998403162, 20.1797,   22.98976928,
    24.305,   26.9815384,   28.085,    30.973761998, 32.06,     35.45,
    39.95,    39.0983,      40.078,    44.955907,    47.867,    50.9415,
    51.9961,  54.938043,    55.845,    58.933194,    58.6934,   63.546,
    65.38,    69.723,       72.630,    74.921595,    78.971,    79.904,
    83.798,   85.4678,      87.62,     88.905838,    91.224,    92.90637,
    95.95,    97.0,         101.07,    102.90549,    106.42,    107.8682,
    112.414,  114.818,      118.710,   121.760,      127.60,    126.90447,
    131.293,  132.90545196, 137.327,   138.90547,    140.116,   140.90766,
    144.242,  145.0,        150.36,    151.964,      157.25,    158.925354,
    162.500,  164.930329,   167.259,   168.934219,   173.045,   174.9668,
    178.486,  180.94788,    183.84,    186.207,      190.23,    192.217,
    195.084,  196.966570,   200.592,   204.38,       207.2,     208.98040,
    209.0,    210.0,        222.0,     223.0,        226.0,     227.0,
    232.0377, 231.03588,    238.02891, 237.0,        244.0,     243.0,
    247.0,    247.0,        251.0,     252.0,        257.0,     258.0,
    259.0,    262.0,        267.0,     268.0,        269.0,     270.0,
    269.0,    277.0,        281.0,     282.0,        285.0,     286.0,
    290.0,    290.0,        293.0,     294.0,        294.0};

const char *hop_element_symbol(int32_t number) {
    return number >= 0 && number < HOP__ELEMENTS ? symbols[number] : NULL;
}

int32_t hop_element_number(const char *symbol) {
    return symbol ? hop__element_from_span((hop__span){symbol, strlen(symbol)}) : -1;
}

int32_t hop__element_from_span(hop__span symbol) {
    for (int32_t number = 0; number < HOP__ELEMENTS; number++)
        if (hop__span_equals(symbol, symbols[number]))
            return number;
    return -1;
}

double hop__element_radius(int32_t number) {
    return number >= 0 && number < HOP__ELEMENTS ? (double)radii[number] : 1.6;
}

double hop_element_mass(int32_t number) {
    return number >= 0 && number < HOP__ELEMENTS ? masses[number] : NAN;
}
