/* The minimisers: the sequences of points of the published rules, recomputed here;
   minima, fixed atoms, refused evaluations, order of atoms, criteria. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "optimizers/optimizer.h"
#include "support/support.h"

static const char *const kinds[] = {
    "gradient-descent",   "adam", "fire", "fire2", "smooth-fire",
    "conjugate-gradient", "lbfgs"};
#define KINDS 7
#define N 9 /* coordinates of the quadratic problem */

static hop_context *context;
static hop_potential *potential;
static hop_structure *s;
static hop_optimizer *o;
static double *x;

static void open_cluster(const char *kind, const char *name, const char *formula) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(context, name, &potential), HOP_OK);
    ck_assert_int_eq(hop_structure_random(context, formula, potential, 11, &s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_new(context, kind, s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 20000), HOP_OK);
    x = hop_structure_positions(s);
}

static void close_all(void) {
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
    hop_context_free(context);
}

static void evaluate_and_tell(void) {
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
}

/* ---- a quadratic problem, natural units all one ---- */

static const double stiffness[N] = {1.0, 0.3, 2.0, 0.05, 0.7, 1.4, 0.1, 3.0, 0.5};
static const double begin[N] = {0.3, -0.2, 0.1, 0.4, -0.3, 0.2, -0.4, 0.1, 0.25};

static void quadratic(const double *at, double *energy, double *f) {
    *energy = 0.0;
    for (int a = 0; a < N; a++) {
        f[a] = -stiffness[a] * at[a];
        *energy += 0.5 * stiffness[a] * at[a] * at[a];
    }
}

static int provide(void *user, hop_structure *structure) {
    (void)user;
    quadratic(hop_structure_positions(structure), hop_structure_energy(structure),
              hop_structure_forces(structure));
    return 0;
}

static void open_quadratic(const char *kind) {
    const int32_t numbers[N / 3] = {0};
    hop_provider provider = {.size = sizeof provider,
                             .evaluate = provide,
                             .length = 1.0,
                             .energy = 1.0,
                             .stiffness = 1.0};
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_potential_external(context, &provider, &potential), HOP_OK);
    ck_assert_int_eq(hop_structure_new(context, N / 3, numbers, &s), HOP_OK);
    x = hop_structure_positions(s);
    memcpy(x, begin, sizeof begin);
    ck_assert_int_eq(hop_optimizer_new(context, kind, s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 1e-12), HOP_OK);
}

static double option(const char *name) {
    double value;
    ck_assert_int_eq(hop_optimizer_get(o, name, &value), HOP_OK);
    return value;
}

static double product(const double *a, const double *b) {
    double sum = 0.0;
    for (int k = 0; k < N; k++)
        sum += a[k] * b[k];
    return sum;
}

/* Ask must give `expected`; the next forces are `f`. */
static void compare(const double *expected, double tolerance, double *f) {
    double energy;
    ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
    for (int a = 0; a < N; a++)
        ck_assert_double_eq_tol(x[a], expected[a], tolerance);
    evaluate_and_tell();
    quadratic(expected, &energy, f);
}

/* Bitzek et al. (2006) in ASE's order of the rules. */
START_TEST(fire_is_the_published_sequence) {
    open_quadratic("fire");
    ck_assert_int_eq(hop_optimizer_set(o, "max_step", 10), HOP_OK);
    double q[N], v[N] = {0}, f[N], dt = option("dt"), alpha = 0.1;
    int positive = 0, uphill = 0, grown = 0;
    memcpy(q, begin, sizeof q);
    for (int k = 0; k < 100; k++) {
        compare(q, 1e-12, f);
        double power = product(f, v), vv = sqrt(product(v, v)),
               ff = sqrt(product(f, f));
        if (k > 0 && power > 0.0) {
            for (int a = 0; a < N; a++)
                v[a] = (1.0 - alpha) * v[a] + alpha * f[a] / ff * vv;
            if (positive > 5) {
                dt = fmin(1.1 * dt, option("dt_max"));
                alpha *= 0.99;
                grown++;
            }
            positive++;
        } else if (k > 0) {
            memset(v, 0, sizeof v);
            alpha = 0.1;
            dt *= 0.5;
            positive = 0;
            uphill++;
        }
        for (int a = 0; a < N; a++) {
            v[a] += dt * f[a];
            q[a] += dt * v[a];
        }
    }
    ck_assert_int_gt(uphill, 0);
    ck_assert_int_gt(grown, 0);
    close_all();
}
END_TEST

static double farthest(const double *d) {
    double most = 0.0;
    for (int i = 0; i < N; i += 3)
        most =
            fmax(most, sqrt(d[i] * d[i] + d[i + 1] * d[i + 1] + d[i + 2] * d[i + 2]));
    return most;
}

/* No atom faster than this; returns how many were. */
static int limit_speeds(double *v, double limit) {
    int slowed = 0;
    for (int i = 0; i < N; i += 3) {
        double speed = sqrt(v[i] * v[i] + v[i + 1] * v[i + 1] + v[i + 2] * v[i + 2]);
        for (int a = i; a < i + 3 && speed > limit; a++)
            v[a] *= limit / speed;
        slowed += speed > limit;
    }
    return slowed;
}

/* Guenole et al. (2020), algorithm 2 with semi-implicit Euler; _i = 1 with the bias
   correction of Echeverri Restrepo and Andric (2023), 2 where that is limited. */
START_TEST(fire2_is_the_published_sequence) {
    open_quadratic("fire2");
    const double cap = _i == 2 ? 0.1 : 10.0;
    ck_assert_int_eq(hop_optimizer_set(o, "max_step", cap), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "abc", _i > 0), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "delay", 3), HOP_OK);
    const double dt_min = option("dt_min") * (_i ? sqrt(0.25) : 1.0);
    double q[N], v[N] = {0}, f[N], d[N], dt = option("dt"), alpha = 0.25;
    int positive = 0, uphill = 0, grown = 0, slowed = 0;
    memcpy(q, begin, sizeof q);
    for (int k = 0; k < 100; k++) {
        compare(q, 1e-12, f);
        memset(d, 0, sizeof d);
        if (k > 0 && product(f, v) > 0.0) {
            if (++positive > 3) {
                dt = fmin(1.1 * dt, option("dt_max"));
                alpha *= 0.99;
                grown++;
            }
        } else if (k > 0) {
            positive = 0;
            dt = fmax(0.5 * dt, dt_min);
            alpha = 0.25;
            for (int a = 0; a < N; a++) {
                d[a] = -0.5 * dt * v[a];
                v[a] = 0.0;
            }
            uphill++;
        }
        for (int a = 0; a < N; a++)
            v[a] += dt * f[a];
        double vv = sqrt(product(v, v)), ff = sqrt(product(f, f));
        double correction = _i ? 1.0 / (1.0 - pow(1.0 - alpha, positive + 1)) : 1.0;
        for (int a = 0; a < N; a++)
            v[a] = correction * ((1.0 - alpha) * v[a] + alpha * f[a] / ff * vv);
        slowed += _i ? limit_speeds(v, cap / dt) : 0;
        for (int a = 0; a < N; a++)
            d[a] += dt * v[a];
        const double whole = fmin(1.0, cap / farthest(d));
        for (int a = 0; a < N; a++)
            q[a] += whole * d[a];
    }
    ck_assert_int_gt(uphill, 0);
    ck_assert_int_gt(grown, 0);
    ck_assert(_i == 2 ? slowed > 0 : slowed == 0);
    close_all();
}
END_TEST

/* From where atoms overlap, with the correction and without. */
START_TEST(fire2_comes_down_from_anywhere) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
        ck_assert_int_eq(hop_potential_builtin(context, "LJ.lj", &potential), HOP_OK);
        ck_assert_int_eq(hop_structure_random(context, "X38", potential, seed, &s),
                         HOP_OK);
        ck_assert_int_eq(hop_optimizer_new(context, "fire2", s, potential, &o), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "abc", _i), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 5000), HOP_OK);
        ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
        close_all();
    }
}
END_TEST

START_TEST(smooth_fire_is_its_formula) {
    open_quadratic("smooth-fire");
    double q[N], v[N] = {0}, f[N], dt = option("dt"), cap = option("max_step");
    double limit = option("soft_force");
    memcpy(q, begin, sizeof q);
    for (int k = 0; k < 60; k++) {
        compare(q, 1e-12, f);
        double cosine =
            k == 0 ? 1.0 : product(f, v) / sqrt(product(f, f) * product(v, v));
        double friction = option("friction") +
                          option("brake") / (1.0 + exp(option("sharpness") * cosine));
        for (int i = 0; i < N; i += 3) {
            double square = f[i] * f[i] + f[i + 1] * f[i + 1] + f[i + 2] * f[i + 2];
            double soft = sqrt(1.0 + square / (limit * limit)), moved = 0.0;
            for (int a = i; a < i + 3; a++) {
                v[a] = (1.0 - friction) * v[a] + dt * f[a] / soft;
                moved += dt * v[a] * dt * v[a];
            }
            for (int a = i; a < i + 3; a++)
                q[a] += dt * v[a] / sqrt(1.0 + moved / (cap * cap));
        }
    }
    close_all();
}
END_TEST

/* The two loops as Nocedal (1980) writes them, steps of full length. */
static void two_loops(double *const *ds, double *const *dy, int from, int to,
                      const double *f, double *d) {
    double alpha[100];
    memcpy(d, f, N * sizeof *d);
    for (int k = to - 1; k >= from; k--) {
        alpha[k] = product(ds[k], d) / product(ds[k], dy[k]);
        for (int a = 0; a < N; a++)
            d[a] -= alpha[k] * dy[k][a];
    }
    double gamma = product(ds[to - 1], dy[to - 1]) / product(dy[to - 1], dy[to - 1]);
    for (int a = 0; a < N; a++)
        d[a] *= gamma;
    for (int k = from; k < to; k++) {
        double beta = product(dy[k], d) / product(ds[k], dy[k]);
        for (int a = 0; a < N; a++)
            d[a] += (alpha[k] - beta) * ds[k][a];
    }
}

START_TEST(lbfgs_is_the_two_loop_recursion) {
    static double rows[2][100][N];
    double *ds[100], *dy[100], q[N], f[N], last[N], d[N];
    const int memory = _i;
    open_quadratic("lbfgs");
    ck_assert_int_eq(hop_optimizer_set(o, "max_step", 10), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "max_rise", 1e6), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "memory", memory), HOP_OK);
    memcpy(q, begin, sizeof q);
    for (int k = 0; k < 16; k++) {
        ds[k] = rows[0][k];
        dy[k] = rows[1][k];
        compare(q, 1e-7, f);
        for (int a = 0; a < N && k > 0; a++)
            dy[k - 1][a] = last[a] - f[a];
        if (k == 0)
            for (int a = 0; a < N; a++)
                d[a] = 0.15 * f[a];
        else
            two_loops(ds, dy, k > memory ? k - memory : 0, k, f, d);
        for (int a = 0; a < N; a++) {
            ds[k][a] = d[a];
            q[a] += d[a];
        }
        memcpy(last, f, sizeof last);
    }
    close_all();
}
END_TEST

/* On a quadratic function n perfect lines are enough; without perfect lines, about
 * twice. */
/* Down the quadratic, then from another point: what the curvature promises there. */
static double promise_after(void (*begin_again)(void *)) {
    const hop__descent_kind *kind = &hop__lbfgs_kind;
    const hop__settings settings = {.max_step = 10.0, .memory = 20.0, .max_rise = 1e6};
    const hop__descent_system system = {
        .rows = {N / 3, 0, 1.0},
        .units = {.length = 1.0, .energy = 1.0, .stiffness = 1.0}};
    double at[N], next[N], f[N], energy;
    void *state;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(kind->create(context, &system, &settings, &state), HOP_OK);
    memcpy(at, begin, sizeof at);
    for (int step = 0; step < 20; step++) {
        quadratic(at, &energy, f);
        kind->step(state, at, energy, f, next);
        memcpy(at, next, sizeof at);
    }
    begin_again(state);
    for (int a = 0; a < N; a++)
        at[a] = a % 2 ? 0.2 : -0.1;
    quadratic(at, &energy, f);
    kind->step(state, at, energy, f, next);
    const double promise = kind->outlook(state) / energy;
    kind->destroy(context, state);
    hop_context_free(context);
    return promise;
}

START_TEST(lbfgs_knows_the_curvature_after_a_jump) {
    ck_assert(fabs(promise_after(hop__lbfgs_kind.jump) - 1.0) < 0.05);
    ck_assert(fabs(promise_after(hop__lbfgs_kind.start) - 1.0) > 0.2);
}
END_TEST

START_TEST(conjugate_gradients_end_soon_on_a_quadratic) {
    open_quadratic("conjugate-gradient");
    ck_assert_int_eq(hop_optimizer_set(o, "max_step", 10), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "line_slope", 1e-6), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 1e-6), HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    hop_progress p = {.size = sizeof p};
    hop_optimizer_progress(o, &p);
    ck_assert_int_le(p.evaluations, 3 * N);
    close_all();
}
END_TEST

/* ---- every kind ---- */

START_TEST(finds_the_tetrahedron) {
    open_cluster(kinds[_i], "LJ.lj", "X4");
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 1e-5), HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    ck_assert_double_eq_tol(*hop_structure_energy(s), -6.0, 1e-9);
    close_all();
}
END_TEST

START_TEST(fixed_atoms_stay) {
    double before[6];
    open_cluster(kinds[_i], "AgAu.gupta", "Ag7Au6");
    hop_optimizer_free(o);
    memcpy(before, x + 9, sizeof before);
    hop_structure_fixed(s)[3] = hop_structure_fixed(s)[4] = 1;
    ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 20000), HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    ck_assert_mem_eq(before, x + 9, sizeof before);
    ck_assert_int_eq(hop_potential_evaluate(potential, s), HOP_OK);
    for (size_t i = 0; i < 13; i++)
        if (i != 3 && i != 4)
            ck_assert_double_lt(sqrt(hop__dot(hop_structure_forces(s) + 3 * i,
                                              hop_structure_forces(s) + 3 * i, 3)),
                                0.01);
    close_all();
}
END_TEST

START_TEST(refused_evaluations_shorten_the_step) {
    double last[39], refused[39];
    open_cluster(kinds[_i], "AgAu.gupta", "Ag7Au6");
    for (int k = 0; k < 40; k++) {
        ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
        if (k % 4 == 3) {
            memcpy(refused, x, sizeof refused);
            *hop_structure_energy(s) = NAN;
            ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
            ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
            for (int a = 0; a < 39; a++)
                ck_assert_double_eq_tol(x[a], 0.5 * (refused[a] + last[a]), 1e-12);
        }
        memcpy(last, x, sizeof last);
        evaluate_and_tell();
    }
    ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
    close_all();
}
END_TEST

START_TEST(order_of_atoms_does_not_matter) {
    double points[2][39];
    for (int run = 0; run < 2; run++) {
        open_cluster(kinds[_i], "Ag.gupta", "Ag13");
        hop_optimizer_free(o);
        for (int a = 0; a < 19 && run == 1; a++) {
            double swap = x[a];
            int c = 3 * (12 - a / 3) + a % 3;
            if (a / 3 == 6)
                break;
            x[a] = x[c];
            x[c] = swap;
        }
        ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o),
                         HOP_OK);
        for (int k = 0; k < 25; k++) {
            ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
            evaluate_and_tell();
        }
        ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
        memcpy(points[run], x, sizeof points[run]);
        close_all();
    }
    for (int a = 0; a < 39; a++)
        ck_assert_double_eq_tol(points[0][a], points[1][3 * (12 - a / 3) + a % 3],
                                1e-9);
}
END_TEST

START_TEST(run_is_ask_and_tell) {
    double points[2][39];
    int64_t evaluations[2];
    for (int run = 0; run < 2; run++) {
        int status;
        hop_progress p = {.size = sizeof p};
        open_cluster(kinds[_i], "AgAu.gupta", "Ag7Au6");
        if (run == 0)
            status = hop_optimizer_run(o, s, NULL, NULL);
        else
            while ((status = hop_optimizer_ask(o, s)) == HOP_OK)
                evaluate_and_tell();
        ck_assert_int_eq(status, HOP_CONVERGED);
        ck_assert_int_eq(hop_optimizer_progress(o, &p), HOP_OK);
        evaluations[run] = p.evaluations;
        memcpy(points[run], x, sizeof points[run]);
        close_all();
    }
    ck_assert_int_eq(evaluations[0], evaluations[1]);
    ck_assert_mem_eq(points[0], points[1], sizeof points[0]);
}
END_TEST

/* AVX2 and AVX-512 with the same bits; the portable forces differ in the last digits, so
   its run ends near by. */
START_TEST(instruction_sets_agree) {
    double points[3][39], energy[3];
    enum hop__isa best = HOP__ISA_BASE;
    for (int isa = 0; isa <= (int)best; isa++) {
        open_cluster(kinds[_i], "LJ.lj", "X13");
        best = context->isa;
        context->isa =
            (enum hop__isa)isa; /* of the optimizer: chosen at the first ask */
        ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
        context->isa = best;
        ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), HOP_CONVERGED);
        memcpy(points[isa], x, sizeof points[isa]);
        energy[isa] = *hop_structure_energy(s);
        if (isa > HOP__ISA_AVX2)
            ck_assert_mem_eq(points[isa], points[HOP__ISA_AVX2], sizeof points[0]);
        ck_assert_double_eq_tol(energy[isa], energy[0], 1e-5);
        close_all();
    }
}
END_TEST

START_TEST(further_criteria) {
    open_cluster(kinds[_i], "AgAu.gupta", "Ag7Au6");
    ck_assert_int_eq(hop_optimizer_set(o, "fmax", 10), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, _i % 2 ? "rms" : "energy_change", 1e-4),
                     HOP_OK);
    double energy[2] = {INFINITY, INFINITY}, square = INFINITY;
    int status, early = 0;
    while ((status = hop_optimizer_ask(o, s)) == HOP_OK) {
        bool met =
            _i % 2 ? sqrt(square / 39.0) < 1e-4 : fabs(energy[1] - energy[0]) < 1e-4;
        early += met;
        evaluate_and_tell();
        energy[0] = energy[1];
        energy[1] = *hop_structure_energy(s);
        square = hop__dot(hop_structure_forces(s), hop_structure_forces(s), 39);
    }
    ck_assert_int_eq(status, HOP_CONVERGED);
    ck_assert_int_eq(early, 0);
    if (_i % 2)
        ck_assert_double_lt(sqrt(square / 39.0), 1e-4);
    else
        ck_assert_double_lt(fabs(energy[1] - energy[0]), 1e-4);
    close_all();
}
END_TEST

/* Atoms that almost coincide: steps stay capped and the end is a minimum or a status.
 */
START_TEST(survives_a_violent_start) {
    open_cluster(kinds[_i], "LJ.lj", "X13");
    hop_optimizer_free(o);
    for (int c = 0; c < 3; c++)
        x[c] = x[3 + c] + 0.01;
    ck_assert_int_eq(hop_optimizer_new(context, kinds[_i], s, potential, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 20000), HOP_OK);
    double last[39], cap = option("max_step") * 1.1225;
    int status, k = 0;
    while ((status = hop_optimizer_ask(o, s)) == HOP_OK) {
        for (int a = 0; a < 39 && k > 0 && _i != 6 && _i != 5; a++)
            ck_assert_double_le(fabs(x[a] - last[a]), cap);
        memcpy(last, x, sizeof last);
        evaluate_and_tell();
        k++;
    }
    ck_assert_int_eq(status, HOP_CONVERGED);
    ck_assert_double_lt(*hop_structure_energy(s), -30.0);
    close_all();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("descents");
    TCase *all = tcase_create("every kind"), *rules = tcase_create("rules");
    tcase_set_timeout(all, 120);
    tcase_add_test(rules, fire_is_the_published_sequence);
    tcase_add_loop_test(rules, fire2_is_the_published_sequence, 0, 3);
    tcase_add_loop_test(rules, fire2_comes_down_from_anywhere, 0, 2);
    tcase_add_test(rules, smooth_fire_is_its_formula);
    tcase_add_loop_test(rules, lbfgs_is_the_two_loop_recursion, 1, 12);
    tcase_add_test(rules, lbfgs_knows_the_curvature_after_a_jump);
    tcase_add_test(rules, conjugate_gradients_end_soon_on_a_quadratic);
    suite_add_tcase(suite, rules);
    tcase_add_loop_test(all, finds_the_tetrahedron, 0, KINDS);
    tcase_add_loop_test(all, fixed_atoms_stay, 0, KINDS);
    tcase_add_loop_test(all, refused_evaluations_shorten_the_step, 0, KINDS);
    tcase_add_loop_test(all, order_of_atoms_does_not_matter, 0, KINDS);
    tcase_add_loop_test(all, run_is_ask_and_tell, 0, KINDS);
    tcase_add_loop_test(all, instruction_sets_agree, 0, KINDS);
    tcase_add_loop_test(all, further_criteria, 0, KINDS);
    tcase_add_loop_test(all, survives_a_violent_start, 0, KINDS);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
