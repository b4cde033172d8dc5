#include "optimizers/cell.h"

#include <math.h>
#include <string.h>

#include "base/vector_math.h"

#define STIFFNESS 0.3 /* scale^2 over atoms r0^2: fewest evaluations of all descents */
#define LEEWAY 0.3    /* strain of a step over the farthest move of an atom, in r0 */

static const int voigt[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};

/* ---- small symmetric matrices ---- */

typedef struct spectrum {
    double value[3], vector[9]; /* rows */
} spectrum;

static void from_six(const double six[6], double off, double m[9]) {
    for (int k = 0; k < 6; k++) {
        double value = k < 3 ? six[k] : off * six[k];
        m[3 * voigt[k][0] + voigt[k][1]] = m[3 * voigt[k][1] + voigt[k][0]] = value;
    }
}

/* out = a m a^T, or a^T m a. */
static void turn(const double a[9], const double m[9], bool back, double out[9]) {
    double half[9];
    const int row = back ? 1 : 3, column = back ? 3 : 1;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            half[3 * i + j] = a[row * i] * m[j] + a[row * i + column] * m[3 + j] +
                              a[row * i + 2 * column] * m[6 + j];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[3 * i + j] = half[3 * i] * a[row * j] +
                             half[3 * i + 1] * a[row * j + column] +
                             half[3 * i + 2] * a[row * j + 2 * column];
}

/* One of Jacobi's rotations: takes away m[p][q]. */
static void rotate(double m[9], double vector[9], int p, int q) {
    double off = m[3 * p + q], apart = m[4 * q] - m[4 * p];
    if (off == 0.0)
        return;
    double theta = apart / (2.0 * off);
    double t = 1.0 / (fabs(theta) + sqrt(theta * theta + 1.0));
    t = theta < 0.0 ? -t : t;
    const double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
    for (int k = 0; k < 3; k++) {
        double a = m[3 * k + p], b = m[3 * k + q];
        m[3 * k + p] = c * a - s * b;
        m[3 * k + q] = s * a + c * b;
    }
    for (int k = 0; k < 3; k++) {
        double a = m[3 * p + k], b = m[3 * q + k];
        m[3 * p + k] = c * a - s * b;
        m[3 * q + k] = s * a + c * b;
        a = vector[3 * p + k];
        b = vector[3 * q + k];
        vector[3 * p + k] = c * a - s * b;
        vector[3 * q + k] = s * a + c * b;
    }
    m[3 * p + q] = m[3 * q + p] = 0.0;
}

static void solve(const double matrix[9], spectrum *out) {
    double m[9];
    memcpy(m, matrix, sizeof m);
    for (int k = 0; k < 9; k++)
        out->vector[k] = k % 4 == 0 ? 1.0 : 0.0;
    for (int sweep = 0; sweep < 12; sweep++) {
        if (m[1] == 0.0 && m[2] == 0.0 && m[5] == 0.0)
            break;
        rotate(m, out->vector, 0, 1);
        rotate(m, out->vector, 0, 2);
        rotate(m, out->vector, 1, 2);
    }
    for (int k = 0; k < 3; k++)
        out->value[k] = m[4 * k];
}

/* sinh(x) / x */
static double sinhc(double x) {
    const double square = x * x;
    if (square > 4.0)
        return 0.5 * (hop__exp(x) - hop__exp(-x)) / x;
    double sum = 1.0;
    for (int k = 24; k >= 2; k -= 2)
        sum = 1.0 + square / (double)(k * (k + 1)) * sum;
    return sum;
}

/* ---- beginning ---- */

static double length(const double *v) { return sqrt(hop__dot(v, v, 3)); }

/* Axes from the periodic vectors, in their order: what is periodic in d directions strains
   in the first d axes. */
static bool make_frame(hop__cell *c) {
    double *f = c->frame;
    int d = 0;
    for (int a = 0; a < 3; a++) {
        double v[3];
        if (!c->periodic[a])
            continue;
        memcpy(v, c->start + 3 * a, sizeof v);
        const double whole = length(v);
        for (int k = 0; k < d; k++)
            hop__add_scaled(v, -hop__dot(v, f + 3 * k, 3), f + 3 * k, 3);
        const double rest = length(v);
        if (!(rest > 1e-8 * whole) || !isfinite(whole))
            return false;
        for (int k = 0; k < 3; k++)
            f[3 * d + k] = v[k] / rest;
        d++;
    }
    for (; d < 3; d++) { /* any axis that is not in the span, made orthogonal */
        double best = 0.0;
        for (int axis = 0; axis < 3; axis++) {
            double v[3] = {0.0, 0.0, 0.0};
            v[axis] = 1.0;
            for (int k = 0; k < d; k++)
                hop__add_scaled(v, -hop__dot(v, f + 3 * k, 3), f + 3 * k, 3);
            const double rest = length(v);
            if (rest > best + 1e-3) {
                best = rest;
                for (int k = 0; k < 3; k++)
                    f[3 * d + k] = v[k] / rest;
            }
        }
    }
    return true;
}

static int refuse(hop_context *context, const hop__cell *c, int directions) {
    if (directions == 0)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "cell: expected a periodic structure to relax its cell, got a "
                         "cluster");
    if (c->pressure != 0.0 && directions < 3)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "pressure: expected a structure periodic in three directions, "
                         "got %d",
                         directions);
    if (c->mode == HOP__CELL_VOLUME && directions < 3)
        return hop__fail(context, HOP_ERROR_UNSUPPORTED,
                         "cell = 2: expected a structure periodic in three directions, "
                         "got %d",
                         directions);
    return HOP_OK;
}

int hop__cell_begin(hop_context *context, const hop_structure *start,
                    const hop__settings *settings, const hop__units *units,
                    hop__cell *c) {
    int directions = 0;
    *c = (hop__cell){.mode = (int)settings->cell,
                     .count = start->count,
                     .periodic = start->periodic,
                     .pressure = settings->pressure};
    if (c->mode == HOP__CELL_FIXED)
        return c->pressure == 0.0
                   ? HOP_OK
                   : hop__fail(
                         context, HOP_ERROR_ARGUMENT,
                         "pressure: expected a cell that may relax, got cell = 0");
    for (int a = 0; a < 3; a++)
        directions += c->periodic[a] != 0;
    int status = refuse(context, c, directions);
    if (status != HOP_OK)
        return status;
    memcpy(c->start, start->cell, sizeof c->start);
    const double atoms = (double)start->count;
    c->volume = directions == 3 ? fabs(hop__determinant3(c->start))
                                : atoms * units->length * units->length * units->length;
    if (!make_frame(c) || !(c->volume > 0.0))
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "cell: expected independent finite lattice vectors");
    c->scale = sqrt(STIFFNESS * atoms) * units->length;
    for (int k = 0; k < 6; k++)
        c->active[k] = voigt[k][0] < directions && voigt[k][1] < directions ? 1.0 : 0.0;
    return HOP_OK;
}

/* A strain of `leeway` units moves neighbours as far as an atom may. */
hop__rows hop__cell_rows(const hop__cell *c, size_t atoms) {
    if (c->mode == HOP__CELL_FIXED)
        return (hop__rows){atoms, 0, 1.0};
    double leeway = LEEWAY * sqrt(STIFFNESS * (double)atoms);
    return (hop__rows){atoms + HOP__CELL_ROWS, HOP__CELL_ROWS, fmax(1.0, leeway)};
}

/* ---- from strains to atoms and back ---- */

static const double *strains(const hop__cell *c, const double *x) {
    return x + 3 * c->count;
}

/* S in the cell's frame. */
static void strain_matrix(const hop__cell *c, const double *x, double s[9]) {
    double six[6];
    for (int k = 0; k < 6; k++)
        six[k] = strains(c, x)[k] / c->scale;
    from_six(six, sqrt(0.5), s);
}

/* D in the frame of the atoms. */
static void deformation(const hop__cell *c, const double *x, double d[9]) {
    double s[9], e[9] = {0.0};
    spectrum of;
    strain_matrix(c, x, s);
    solve(s, &of);
    for (int k = 0; k < 3; k++)
        e[4 * k] = hop__exp(of.value[k]);
    turn(of.vector, e, true, s);
    turn(c->frame, s, true, d);
}

static void times(const double d[9], const double *v, double *out) {
    for (int k = 0; k < 3; k++)
        out[k] = d[3 * k] * v[0] + d[3 * k + 1] * v[1] + d[3 * k + 2] * v[2];
}

void hop__cell_place(const hop__cell *c, const double *x, double *positions,
                     double *vectors) {
    double d[9];
    deformation(c, x, d);
    for (size_t i = 0; i < c->count; i++)
        times(d, x + 3 * i, positions + 3 * i);
    for (int a = 0; a < 3; a++)
        if (c->periodic[a])
            times(d, c->start + 3 * a, vectors + 3 * a);
}

static double volume(const hop__cell *c, const double *x) {
    const double *s = strains(c, x);
    return c->volume * hop__exp((s[0] + s[1] + s[2]) / c->scale);
}

double hop__cell_enthalpy(const hop__cell *c, const double *x, double energy) {
    return energy + c->pressure * volume(c, x);
}

/* virial - P V, in the cell's frame, of the strains that may change: six numbers. */
static void tension(const hop__cell *c, const double *x, const double virial[6],
                    double out[6]) {
    double lab[9], own[9];
    from_six(virial, 1.0, lab);
    turn(c->frame, lab, false, own);
    for (int k = 0; k < 6; k++)
        out[k] = c->active[k] * own[3 * voigt[k][0] + voigt[k][1]];
    for (int k = 0; k < 3 && c->pressure != 0.0; k++)
        out[k] -= c->pressure * volume(c, x);
    if (c->mode == HOP__CELL_VOLUME) {
        out[0] = out[1] = out[2] = (out[0] + out[1] + out[2]) / 3.0;
        out[3] = out[4] = out[5] = 0.0;
    }
}

double hop__cell_stress(const hop__cell *c, const double *x, const double virial[6]) {
    double six[6], m[9], most = 0.0;
    spectrum of;
    tension(c, x, virial, six);
    from_six(six, 1.0, m);
    solve(m, &of);
    for (int k = 0; k < 3; k++)
        most = fmax(most, fabs(of.value[k]));
    return most / volume(c, x);
}

/* On y: D f, D being symmetric.  On S: with T = virial - P V, dH = -tr(T dD D^-1); in the
   axes of S the derivative of the exponential leaves of all factors one, sinh(d)/d of the
   difference d of two strains. */
void hop__cell_pull(const hop__cell *c, const double *x, const double *forces,
                    const double virial[6], double *out) {
    double d[9], s[9], six[6], m[9], t[9];
    spectrum of;
    deformation(c, x, d);
    for (size_t i = 0; i < c->count; i++)
        times(d, forces + 3 * i, out + 3 * i);
    tension(c, x, virial, six);
    from_six(six, 1.0, m);
    strain_matrix(c, x, s);
    solve(s, &of);
    turn(of.vector, m, false, t);
    for (int k = 0; k < 9; k++)
        t[k] *= sinhc(of.value[k / 3] - of.value[k % 3]);
    turn(of.vector, t, true, m);
    for (int k = 0; k < 6; k++)
        out[3 * c->count + (size_t)k] = c->active[k] * (k < 3 ? 1.0 : sqrt(2.0)) *
                                        m[3 * voigt[k][0] + voigt[k][1]] / c->scale;
}
