/* Numerical derivatives and crystals. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "support.h"

/* f(h) = d + a h^2 + b h^4 + ...: two steps of Richardson's extrapolation. */
static double extrapolate(const double at[3]) {
    double first = (4.0 * at[1] - at[0]) / 3.0, second = (4.0 * at[2] - at[1]) / 3.0;
    return (16.0 * second - first) / 15.0;
}

static hop_structure *copy_of(const hop_structure *structure) {
    hop_structure *copy;
    ck_assert_int_eq(hop_structure_copy(structure, &copy), HOP_OK);
    return copy;
}

static double energy_of(hop_potential *potential, hop_structure *structure) {
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_OK);
    return *hop_structure_energy(structure);
}

void support_forces(hop_potential *potential, const hop_structure *structure,
                    double step, double *forces) {
    hop_structure *moved = copy_of(structure);
    double *x = hop_structure_positions(moved);
    for (size_t k = 0; k < 3 * hop_structure_count(moved); k++) {
        double middle = x[k], slopes[3];
        for (int level = 0; level < 3; level++) {
            double h = ldexp(step, -level);
            x[k] = middle + h;
            double up = x[k], above = energy_of(potential, moved);
            x[k] = middle - h;
            double below = energy_of(potential, moved);
            slopes[level] = (above - below) / (up - x[k]);
        }
        x[k] = middle;
        forces[k] = -extrapolate(slopes);
    }
    hop_structure_free(moved);
}

/* Symmetric strain e of Voigt component `voigt`: each row r of `to` is r (1 + strain). */
static void strain_rows(const double *from, double *to, size_t rows, int voigt,
                        double e) {
    static const int pairs[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};
    int a = pairs[voigt][0], b = pairs[voigt][1];
    memcpy(to, from, 3 * rows * sizeof *to);
    for (size_t i = 0; i < rows; i++) {
        to[3 * i + a] += 0.5 * e * from[3 * i + b];
        to[3 * i + b] += 0.5 * e * from[3 * i + a];
    }
}

void support_virial(hop_potential *potential, const hop_structure *structure,
                    double step, double virial[6]) {
    hop_structure *from = copy_of(structure), *moved = copy_of(structure);
    size_t n = hop_structure_count(from);
    for (int voigt = 0; voigt < 6; voigt++) {
        double slopes[3];
        for (int level = 0; level < 3; level++) {
            double h = ldexp(step, -level), sides[2];
            for (int side = 0; side < 2; side++) {
                double e = side == 0 ? h : -h;
                strain_rows(hop_structure_positions(from),
                            hop_structure_positions(moved), n, voigt, e);
                strain_rows(hop_structure_cell(from), hop_structure_cell(moved), 3,
                            voigt, e);
                sides[side] = energy_of(potential, moved);
            }
            slopes[level] = (sides[0] - sides[1]) / (2.0 * h);
        }
        virial[voigt] = -extrapolate(slopes);
    }
    hop_structure_free(from);
    hop_structure_free(moved);
}

void support_hessian_vector(hop_potential *potential, const hop_structure *structure,
                            const double *v, double step, double *hv) {
    hop_structure *moved = copy_of(structure), *from = copy_of(structure);
    size_t n3 = 3 * hop_structure_count(moved);
    double *x = hop_structure_positions(moved), *x0 = hop_structure_positions(from);
    double *slopes[3];
    hop_context *context;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    for (int level = 0; level < 3; level++) {
        double h = ldexp(step, -level);
        slopes[level] = hop__allocate(context, n3, sizeof(double));
        for (int side = 1; side >= -1; side -= 2) {
            for (size_t k = 0; k < n3; k++)
                x[k] = x0[k] + side * h * v[k];
            energy_of(potential, moved);
            for (size_t k = 0; k < n3; k++)
                slopes[level][k] -= side * hop_structure_forces(moved)[k] / (2.0 * h);
        }
    }
    for (size_t k = 0; k < n3; k++)
        hv[k] = extrapolate((double[3]){slopes[0][k], slopes[1][k], slopes[2][k]});
    for (int level = 0; level < 3; level++)
        hop__release(context, slopes[level]);
    hop_context_free(context);
    hop_structure_free(moved);
    hop_structure_free(from);
}

double support_relative_error(const double *a, const double *b, size_t n) {
    double difference = 0.0, size = 0.0;
    for (size_t k = 0; k < n; k++) {
        if (!isfinite(a[k]) || !isfinite(b[k]))
            return INFINITY;
        difference = fmax(difference, fabs(a[k] - b[k]));
        size = fmax(size, fabs(b[k]));
    }
    return size > 0.0 ? difference / size : difference;
}

void support_rattle(hop_structure *structure, double amplitude, uint64_t seed) {
    hop__random random = hop__random_start(seed, 0);
    double *x = hop_structure_positions(structure);
    for (size_t k = 0; k < 3 * hop_structure_count(structure); k++)
        x[k] += amplitude * (2.0 * hop__random_uniform(&random) - 1.0);
}

static void place_atom(hop_structure *structure, size_t index, const int at[3],
                       double lattice) {
    static const double basis[4][3] = {
        {0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    double *x = hop_structure_positions(structure) + 3 * index;
    for (int c = 0; c < 3; c++)
        x[c] = lattice * (at[c] + basis[index % 4][c]);
}

hop_structure *support_crystal(hop_context *context, const int32_t *numbers,
                               size_t species, double lattice, const int repeat[3],
                               const int32_t periodic[3], double amplitude,
                               uint64_t seed) {
    size_t count = 4 * (size_t)(repeat[0] * repeat[1] * repeat[2]), next = 0;
    int32_t *all = hop__allocate(context, count, sizeof *all);
    ck_assert_ptr_nonnull(all);
    for (size_t i = 0; i < count; i++)
        all[i] = numbers[i % species];
    hop_structure *structure;
    ck_assert_int_eq(hop_structure_new(context, count, all, &structure), HOP_OK);
    hop__release(context, all);
    for (int a = 0; a < repeat[0]; a++)
        for (int b = 0; b < repeat[1]; b++)
            for (int c = 0; c < repeat[2]; c++)
                for (int site = 0; site < 4; site++)
                    place_atom(structure, next++, (int[3]){a, b, c}, lattice);
    for (int c = 0; c < 3; c++) {
        hop_structure_cell(structure)[4 * c] = lattice * repeat[c];
        hop_structure_periodic(structure)[c] = periodic[c];
    }
    support_rattle(structure, amplitude, seed);
    return structure;
}
