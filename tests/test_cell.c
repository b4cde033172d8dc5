/* Cells that relax: the gradient of the enthalpy, silicon's lattice constant and bulk
   modulus, every kind of descent, slabs, wires, rotation, fixed atoms, what is refused. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "optimizers/optimizer.h"
#include "support/support.h"

static const char *const descents[] = {
    "gradient-descent",   "adam", "fire", "fire2", "smooth-fire",
    "conjugate-gradient", "lbfgs"};
#define DESCENTS 7
#define LATTICE 5.4309497 /* of Si.sw */
#define TURN_COS 0.8
#define TURN_SIN 0.6

static hop_context *context;
static hop_potential *potential;
static hop_structure *s;
static hop_optimizer *o;

/* Diamond of one cubic cell, `lattice` long, every atom moved by up to `amplitude`. */
static void open_silicon(double lattice, double amplitude) {
    static const double basis[8][3] = {
        {0, 0, 0},       {0, .5, .5},     {.5, 0, .5},     {.5, .5, 0},
        {.25, .25, .25}, {.25, .75, .75}, {.75, .25, .75}, {.75, .75, .25}};
    const int32_t numbers[8] = {14, 14, 14, 14, 14, 14, 14, 14};
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(context, "Si.sw", &potential), HOP_OK);
    ck_assert_int_eq(hop_structure_new(context, 8, numbers, &s), HOP_OK);
    for (int a = 0; a < 24; a++)
        hop_structure_positions(s)[a] = lattice * basis[a / 3][a % 3];
    for (int c = 0; c < 3; c++) {
        hop_structure_cell(s)[4 * c] = lattice;
        hop_structure_periodic(s)[c] = 1;
    }
    support_rattle(s, amplitude, 5);
    o = NULL;
}

static void new_optimizer(const char *kind, double cell, double pressure) {
    hop_optimizer_free(o);
    ck_assert_int_eq(hop_optimizer_new(context, kind, s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "cell", cell), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "pressure", pressure), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 20000), HOP_OK);
}

static void close_all(void) {
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
    hop_context_free(context);
}

static double volume(void) { return fabs(hop__determinant3(hop_structure_cell(s))); }

/* Everything turned by the same angle about z, then about x. */
static void turn(double *v, size_t rows) {
    for (size_t i = 0; i < rows; i++, v += 3) {
        double x = TURN_COS * v[0] - TURN_SIN * v[1],
               y = TURN_SIN * v[0] + TURN_COS * v[1];
        v[0] = x;
        v[1] = TURN_COS * y - TURN_SIN * v[2];
        v[2] = TURN_SIN * y + TURN_COS * v[2];
    }
}

/* ---- the gradient ---- */

/* Strained and sheared, in a cell that is not upright; _i: directions that are periodic.
   At a point far from the start, so that the exponential is no straight line. */
START_TEST(pull_is_the_derivative_of_the_enthalpy) {
    static const double shear[9] = {1.0, 0.1, -0.05, 0.2, 0.95, 0.07, 0.03, -0.1, 1.1};
    double x[30], out[30];
    hop__cell cell;
    hop__units units;
    open_silicon(5.6, 0.15);
    for (int row = 0; row < 11; row++) {
        double *v = row < 8 ? hop_structure_positions(s) + 3 * row
                            : hop_structure_cell(s) + 3 * (row - 8);
        const double old[3] = {v[0], v[1], v[2]};
        for (int c = 0; c < 3; c++)
            v[c] = hop__dot(shear + 3 * c, old, 3);
    }
    for (int c = _i; c < 3; c++)
        hop_structure_periodic(s)[(c + 1) % 3] = 0; /* not always the last ones */
    const hop__settings settings = {.cell = 1.0, .pressure = _i == 3 ? 0.08 : 0.0};
    ck_assert_int_eq(hop__units_of(context, potential, 8, hop_structure_numbers(s),
                                   &units, NULL, NULL),
                     HOP_OK);
    ck_assert_int_eq(hop__cell_begin(context, s, &settings, &units, &cell), HOP_OK);
    memcpy(x, hop_structure_positions(s), 24 * sizeof *x);
    for (int k = 0; k < 6; k++)
        x[24 + k] = cell.scale * cell.active[k] * (0.11 * sin(2.0 + k) - 0.02);
    hop__cell_place(&cell, x, hop_structure_positions(s), hop_structure_cell(s));
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    hop__cell_pull(&cell, x, hop_structure_forces(s), hop_structure_virial(s), out);
    int strains = 0;
    for (int k = 0; k < 30; k++) {
        const double h = 1e-4, keep = x[k];
        double slope = 0.0, weight[4] = {-8.0, 8.0, 1.0, -1.0};
        if (k >= 24 && cell.active[k - 24] == 0.0) {
            ck_assert_double_eq(out[k], 0.0);
            continue;
        }
        for (int side = 0; side < 4; side++) {
            x[k] = keep + h * (side < 2 ? 1.0 : 2.0) * (side % 2 ? -1.0 : 1.0);
            hop__cell_place(&cell, x, hop_structure_positions(s),
                            hop_structure_cell(s));
            ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
            double energy = *hop_structure_energy(s);
            ck_assert_double_eq_tol(hop__cell_enthalpy(&cell, x, energy),
                                    energy + settings.pressure * volume(), 1e-9);
            slope += weight[side] * hop__cell_enthalpy(&cell, x, energy) / (12.0 * h);
        }
        x[k] = keep;
        strains += k >= 24;
        ck_assert_double_eq_tol(out[k], slope, 2e-7);
    }
    ck_assert_int_eq(strains, _i * (_i + 1) / 2);
    close_all();
}
END_TEST

/* The stress that is left is the largest principal value of stress + pressure. */
START_TEST(stress_left) {
    double stress[6], x[30] = {0};
    hop__cell cell;
    hop__units units;
    open_silicon(5.3, 0.2);
    const hop__settings settings = {.cell = 1.0, .pressure = 0.03};
    hop__units_of(context, potential, 8, hop_structure_numbers(s), &units, NULL, NULL);
    ck_assert_int_eq(hop__cell_begin(context, s, &settings, &units, &cell), HOP_OK);
    memcpy(x, hop_structure_positions(s), 24 * sizeof *x);
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    ck_assert_int_eq(hop_structure_stress(s, stress), HOP_OK);
    double left = hop__cell_stress(&cell, x, hop_structure_virial(s));
    /* an eigenvalue of m: det(m - left) = 0, or with the other sign; none is larger */
    double least = INFINITY, norm = 0.0;
    for (int sign = -1; sign <= 1; sign += 2) {
        double m[9] = {stress[0], stress[5], stress[4], stress[5], stress[1],
                       stress[3], stress[4], stress[3], stress[2]};
        for (int c = 0; c < 9; c += 4)
            m[c] += settings.pressure;
        norm = hop__dot(m, m, 9);
        for (int c = 0; c < 9; c += 4)
            m[c] -= sign * left;
        least = fmin(least, fabs(hop__determinant3(m)));
    }
    ck_assert_double_lt(least, 1e-12);
    ck_assert_double_le(left, sqrt(norm));
    ck_assert_double_ge(left, sqrt(norm / 3.0));
    close_all();
}
END_TEST

/* ---- silicon ---- */

START_TEST(every_descent_finds_the_lattice_constant) {
    open_silicon(5.7, 0.1);
    hop_structure_cell(s)[3] = 0.3;
    hop_structure_cell(s)[1] = -0.2;
    new_optimizer(descents[_i], 1, 0.0);
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 1e-4), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "smax", 1e-6), HOP_OK);
    ck_assert_msg(hop_optimizer_run(o, s, NULL, NULL) == HOP_CONVERGED, "%s",
                  descents[_i]);
    const double *cell = hop_structure_cell(s);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            ck_assert_double_eq_tol(hop__dot(cell + 3 * a, cell + 3 * b, 3),
                                    a == b ? LATTICE * LATTICE : 0.0, 2e-3);
    ck_assert_double_eq_tol(*hop_structure_energy(s) / 8.0, -4.3366, 1e-4);
    double told = *hop_structure_energy(s), stress[6];
    ck_assert_int_eq(hop_structure_stress(s, stress), HOP_OK); /* the virial is known */
    for (int k = 0; k < 6; k++)
        ck_assert_double_lt(fabs(stress[k]), 1e-6);
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    ck_assert_double_eq_tol(*hop_structure_energy(s), told, 1e-10);
    hop_progress p = {.size = sizeof p};
    ck_assert_int_eq(hop_optimizer_progress(o, &p), HOP_OK);
    ck_assert_double_lt(p.smax, 1e-6);
    close_all();
}
END_TEST

static double volume_at(double pressure, double mode) {
    open_silicon(5.5, 0.05);
    new_optimizer("lbfgs", mode, pressure);
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 1e-7), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "smax", 1e-9), HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    hop_progress p = {.size = sizeof p};
    ck_assert_int_eq(hop_optimizer_progress(o, &p), HOP_OK);
    double v = volume();
    ck_assert_double_eq_tol(p.best_energy, *hop_structure_energy(s) + pressure * v,
                            1e-9);
    close_all();
    return v;
}

/* B = -V dP/dV: 101.4 GPa (Stillinger and Weber's silicon; Cowley, Phys. Rev. Lett. 60
   (1988) 2379: C11 = 151.4, C12 = 76.4 GPa).  And dH/dP = V. */
START_TEST(bulk_modulus) {
    const double dp = 1e-3, mode = 1.0 + _i;
    double low = volume_at(-dp, mode), high = volume_at(dp, mode);
    double modulus = -0.5 * (low + high) * 2.0 * dp / (high - low);
    ck_assert_double_eq_tol(modulus * 160.21766208, 101.4, 0.3);
}
END_TEST

START_TEST(volume_alone_keeps_the_shape) {
    open_silicon(5.6, 0.1);
    hop_structure_cell(s)[3] = 0.3;
    double before[9];
    memcpy(before, hop_structure_cell(s), sizeof before);
    new_optimizer("lbfgs", 2, 0.02);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    const double *cell = hop_structure_cell(s), ratio = cell[0] / before[0];
    ck_assert_double_lt(ratio, 0.99);
    for (int k = 0; k < 9; k++)
        ck_assert_double_eq_tol(cell[k], ratio * before[k], 1e-12);
    double trace = hop_structure_virial(s)[0] + hop_structure_virial(s)[1] +
                   hop_structure_virial(s)[2];
    ck_assert_double_eq_tol(trace / (3.0 * volume()), 0.02, 1e-4);
    close_all();
}
END_TEST

/* ---- slabs and wires ---- */

/* Vacuum on the other sides: the free directions find their length, nothing else of the
   cell moves, and what is left of the virial is across. */
START_TEST(slabs_and_wires) {
    open_silicon(5.5, 0.05);
    for (int c = 0; c < 3; c++)
        hop_structure_periodic(s)[c] = c <= _i;
    memset(hop_structure_cell(s) + 3 * (_i + 1), 0,
           3 * (size_t)(2 - _i) * sizeof(double));
    new_optimizer("lbfgs", 1, 0.0);
    ck_assert_int_eq(hop_optimizer_set(o, "smax", 1e-7), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 1e-5), HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    const double *virial = hop_structure_virial(s), *cell = hop_structure_cell(s);
    for (int k = 3 * (_i + 1); k < 9; k++)
        ck_assert_double_eq(cell[k], 0.0);
    ck_assert_double_gt(fabs(cell[0] - 5.5), 0.01);
    ck_assert_double_lt(fabs(virial[0]), 1e-4);
    if (_i == 1) {
        ck_assert_double_lt(fabs(virial[1]), 1e-4);
        ck_assert_double_lt(fabs(virial[5]), 1e-4);
        ck_assert_double_eq(cell[2], 0.0);
    }
    close_all();
}
END_TEST

/* ---- equivariance ---- */

/* A turned start makes the turned run, its cell included. */
START_TEST(turned_start_gives_the_turned_run) {
    double points[2][33];
    int steps[2];
    for (int run = 0; run < 2; run++) {
        open_silicon(5.6, 0.1);
        hop_structure_cell(s)[3] = 0.2;
        if (run == 1) {
            turn(hop_structure_positions(s), 8);
            turn(hop_structure_cell(s), 3);
        }
        new_optimizer(descents[_i], 1, 0.01);
        for (steps[run] = 0; steps[run] < 20; steps[run]++) {
            if (hop_optimizer_ask(o, s) != HOP_OK)
                break;
            ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
            ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
        }
        if (run == 0) {
            ck_assert_double_gt(fabs(hop_structure_cell(s)[0] - 5.6), 1e-3);
            turn(hop_structure_positions(s), 8);
            turn(hop_structure_cell(s), 3);
        }
        memcpy(points[run], hop_structure_positions(s), 24 * sizeof(double));
        memcpy(points[run] + 24, hop_structure_cell(s), 9 * sizeof(double));
        close_all();
    }
    ck_assert_int_eq(steps[0], steps[1]);
    for (int k = 0; k < 33; k++)
        ck_assert_double_eq_tol(points[0][k], points[1][k], 1e-9);
}
END_TEST

/* ---- fixed atoms ---- */

START_TEST(fixed_atoms_keep_their_fractions) {
    double inverse[9], before[24], after[24];
    open_silicon(5.6, 0.1);
    const int all = _i;
    for (int i = 0; i < 8; i++)
        hop_structure_fixed(s)[i] = all || i == 2 || i == 5;
    for (int run = 0; run < 2; run++) {
        ck_assert(hop__invert3(hop_structure_cell(s), inverse));
        for (int a = 0; a < 24; a++) {
            const double *x = hop_structure_positions(s) + a / 3 * 3;
            (run ? after : before)[a] = x[0] * inverse[a % 3] +
                                        x[1] * inverse[3 + a % 3] +
                                        x[2] * inverse[6 + a % 3];
        }
        if (run == 0) {
            new_optimizer("lbfgs", 1, 0.0);
            ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
        }
    }
    for (int i = 0; i < 8; i++)
        for (int a = 3 * i; a < 3 * i + 3 && hop_structure_fixed(s)[i]; a++)
            ck_assert_double_eq_tol(before[a], after[a], 1e-12);
    ck_assert_double_lt(volume(), 0.97 * 5.6 * 5.6 * 5.6);
    close_all();
}
END_TEST

/* ---- hops ---- */

/* From a minimum under tension: hops are made in the accepted minimum's cell, and the
   polished best point keeps its own. */
START_TEST(global_kinds_hop_in_a_free_cell) {
    open_silicon(5.7, 0.3);
    new_optimizer(_i ? "learned" : "basin-hopping", 1, 0.0);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 1500), HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_MAX_EVALUATIONS);
    hop_progress p = {.size = sizeof p};
    ck_assert_int_eq(hop_optimizer_progress(o, &p), HOP_OK);
    ck_assert_int_gt(p.quenches, 4);
    double best = *hop_structure_energy(s), stress[6], most = 0.0;
    ck_assert_double_lt(best, -34.69);
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    ck_assert_double_eq_tol(*hop_structure_energy(s), best, 1e-10);
    ck_assert_int_eq(hop_structure_stress(s, stress), HOP_OK);
    for (int k = 0; k < 6; k++)
        most = fmax(most, fabs(stress[k]));
    ck_assert_double_lt(most, 1e-4);
    close_all();
}
END_TEST

/* ---- what is refused ---- */

static void refused(const char *kind, double cell, double pressure, int status,
                    const char *says) {
    new_optimizer(kind, cell, pressure);
    ck_assert_int_eq(hop_optimizer_ask(o, s), status);
    ck_assert_msg(strstr(hop_error_message(context), says), "%s",
                  hop_error_message(context));
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), status);
    /* nothing has begun: the option may be taken back */
    ck_assert_int_eq(hop_optimizer_set(o, "cell", 0), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "pressure", 0), HOP_OK);
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
}

START_TEST(cells_that_cannot_relax) {
    open_silicon(5.5, 0.05);
    refused("lbfgs", 0, 0.1, HOP_ERROR_ARGUMENT, "pressure: ");
    new_optimizer("learned", 1, 0.0);
    ck_assert_int_eq(hop_optimizer_set(o, "descend", 1), HOP_OK);
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_ERROR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "descend = 0"));
    hop_structure_periodic(s)[2] = 0;
    refused("fire", 1, 0.1, HOP_ERROR_ARGUMENT, "three directions, got 2");
    refused("fire", 2, 0.0, HOP_ERROR_UNSUPPORTED, "three directions, got 2");
    memcpy(hop_structure_cell(s) + 3, hop_structure_cell(s), 3 * sizeof(double));
    refused("fire", 1, 0.0, HOP_ERROR_ARGUMENT, "independent");
    memset(hop_structure_periodic(s), 0, 3 * sizeof(int32_t));
    refused("basin-hopping", 1, 0.0, HOP_ERROR_ARGUMENT, "cluster");
    refused("lbfgs", 1, 0.1, HOP_ERROR_ARGUMENT, "cluster");
    for (int c = 0; c < 3; c++)
        hop_structure_periodic(s)[c] = 1; /* now without a volume */
    hop_optimizer_free(o);
    ck_assert_int_eq(hop_optimizer_new(context, "lbfgs", s, potential, &o),
                     HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(o);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "volume"));
    close_all();
}
END_TEST

/* Energy and forces without a virial: refused with words, and the question stands. */
START_TEST(virial_is_wanted) {
    double asked[24];
    open_silicon(5.6, 0.1);
    new_optimizer("lbfgs", 1, 0.0);
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
    memcpy(asked, hop_structure_positions(s), sizeof asked);
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    double keep = hop_structure_virial(s)[4];
    hop_structure_virial(s)[4] = NAN;
    ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "virial, got nan"));
    hop_structure_virial(s)[4] = keep;
    ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
    close_all();
}
END_TEST

static int springs(void *user, hop_structure *structure) {
    const double *x = hop_structure_positions(structure);
    (void)user;
    *hop_structure_energy(structure) = 0.5 * hop__dot(x, x, 24);
    for (int a = 0; a < 24; a++)
        hop_structure_forces(structure)[a] = -x[a];
    return 0;
}

START_TEST(run_ends_without_a_virial) {
    const hop_provider provider = {.size = sizeof provider, .evaluate = springs};
    open_silicon(5.6, 0.1);
    hop_potential_free(potential);
    ck_assert_int_eq(hop_potential_external(context, &provider, &potential), HOP_OK);
    new_optimizer("lbfgs", 1, 0.0);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "virial"));
    close_all();
}
END_TEST

/* An evaluation that fails halves the step of positions and cell alike. */
START_TEST(refused_evaluations_come_nearer) {
    double first[33], last[33], now[33];
    open_silicon(5.8, 0.1);
    new_optimizer(descents[_i], 1, 0.0);
    for (int k = 0; k < 5; k++) {
        ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
        memcpy(now, hop_structure_positions(s), 24 * sizeof *now);
        memcpy(now + 24, hop_structure_cell(s), 9 * sizeof *now);
        if (k == 0)
            memcpy(first, now, sizeof first);
        for (int a = 0; a < 33 && k > 1; a++) { /* exp() is nearly a straight line */
            double whole = last[a] - first[a];
            ck_assert_double_eq_tol(now[a] - first[a], 0.5 * whole,
                                    0.02 * fabs(whole) + 1e-6);
        }
        if (k == 1)
            ck_assert_double_gt(fabs(now[24] - first[24]), 1e-4);
        memcpy(last, now, sizeof last);
        if (k == 0)
            ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
        else
            *hop_structure_energy(s) = NAN;
        ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
    }
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    close_all();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cell");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, pull_is_the_derivative_of_the_enthalpy, 1, 4);
    tcase_add_test(all, stress_left);
    tcase_add_loop_test(all, every_descent_finds_the_lattice_constant, 0, DESCENTS);
    tcase_add_loop_test(all, bulk_modulus, 0, 2);
    tcase_add_test(all, volume_alone_keeps_the_shape);
    tcase_add_loop_test(all, slabs_and_wires, 0, 2);
    tcase_add_loop_test(all, turned_start_gives_the_turned_run, 0, DESCENTS);
    tcase_add_loop_test(all, fixed_atoms_keep_their_fractions, 0, 2);
    tcase_add_loop_test(all, global_kinds_hop_in_a_free_cell, 0, 2);
    tcase_add_test(all, cells_that_cannot_relax);
    tcase_add_test(all, virial_is_wanted);
    tcase_add_test(all, run_ends_without_a_virial);
    tcase_add_loop_test(all, refused_evaluations_come_nearer, 0, DESCENTS);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
