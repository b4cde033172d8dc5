/* Choosing hops: inputs, draws and their scores; runs that begin anew. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/hop_policy.h"
#include "learning/perceptron.h"
#include "optimizers/optimizer.h"
#include "support/support.h"

#define ATOMS 10

typedef struct bench {
    hop_context *context;
    hop_potential *potential;
    hop_structure *s;
    hop__units units;
    double lengths[ATOMS], scales[ATOMS];
    hop__settings settings;
    hop__hops *hops;
} bench;

static void set_up(bench *b, const char *formula) {
    memset(b, 0, sizeof *b);
    ck_assert_int_eq(hop_context_new(NULL, &b->context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(b->context, "AgAu.gupta", &b->potential),
                     HOP_OK);
    ck_assert_int_eq(hop_structure_random(b->context, formula, b->potential, 3, &b->s),
                     HOP_OK);
    ck_assert_uint_eq(b->s->count, ATOMS);
    ck_assert_int_eq(hop_potential_evaluate(b->potential, b->s), HOP_OK);
    ck_assert_int_eq(hop__units_of(b->context, b->potential, ATOMS, b->s->numbers,
                                   &b->units, b->lengths, b->scales),
                     HOP_OK);
    hop__options_reset(hop__settings_table("learned"), &b->settings);
    ck_assert_int_eq(hop__hops_new(b->context, b->s, &b->units, b->lengths, b->scales,
                                   &b->settings, &b->hops),
                     HOP_OK);
    hop__hops_adopt(b->hops, b->s->positions, *b->s->energy, b->s->energies);
}

static void tear_down(bench *b) {
    hop__hops_free(b->hops);
    hop_structure_free(b->s);
    hop_potential_free(b->potential);
    hop_context_free(b->context);
}

static void random_weights(double *w, size_t count, double scale) {
    hop__random random = hop__random_start(5, 7);
    for (size_t k = 0; k < count; k++)
        w[k] = scale * hop__random_normal(&random);
}

/* Turned and shifted, the inputs are the same to rounding. */
START_TEST(inputs_do_not_turn) {
    bench b;
    set_up(&b, "Ag6Au4");
    double before[HOP__HOP_INPUTS * 16], after[HOP__HOP_INPUTS * 16], x[3 * ATOMS];
    static const double turn[9] = {0.36, 0.48, -0.8, -0.8, 0.6, 0.0, 0.48, 0.64, 0.6};
    hop__hop_features(&b.hops->atoms, &b.hops->shells, &b.hops->history, before);
    for (size_t i = 0; i < ATOMS; i++)
        for (size_t c = 0; c < 3; c++)
            x[3 * i + c] = 7.5 + hop__dot(turn + 3 * c, b.s->positions + 3 * i, 3);
    hop__hops_adopt(b.hops, x, *b.s->energy, b.s->energies);
    hop__hop_features(&b.hops->atoms, &b.hops->shells, &b.hops->history, after);
    double spread = 0.0;
    for (size_t k = 0; k < HOP__HOP_INPUTS * b.hops->atoms.stride; k++) {
        ck_assert_double_eq_tol(before[k], after[k], 1e-12);
        spread = fmax(spread, fabs(before[k]));
        ck_assert_double_le(fabs(before[k]), 10.0);
    }
    ck_assert_double_gt(spread, 0.1);
    tear_down(&b);
}
END_TEST

/* Neighbours counted by hand for a square of side 1.2 contact distances: two first, one
   second (the diagonal is 1.7). */
START_TEST(shells_of_a_square) {
    bench b;
    set_up(&b, "Ag10");
    double x[3 * ATOMS] = {0.0}, side = 1.2 * b.lengths[0], energies[ATOMS];
    x[3] = x[7] = x[9] = x[10] = side; /* (0,0) (1,0) (0,1) (1,1) */
    for (size_t i = 4; i < ATOMS; i++)
        x[3 * i] = 100.0 * (double)i;
    for (size_t i = 0; i < ATOMS; i++)
        energies[i] = NAN;
    hop__hop_shells *s = &b.hops->shells;
    hop__hop_shells_of(&b.hops->atoms, x, energies, s);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_double_eq(s->first[i], 2.0);
        ck_assert_double_eq(s->second[i], 1.0);
        ck_assert_double_eq(s->energy[i], -2.0 / 12.0);
        ck_assert_double_eq_tol(s->around[i], -2.0 / 12.0, 1e-15);
        ck_assert_double_eq(s->unlike[i], 0.0);
    }
    ck_assert_double_eq(s->first[5], 0.0);
    tear_down(&b);
}
END_TEST

/* ---- scores: expected value zero, and the slope of a probability ---- */

enum { DRAWS = 40000 };

/* Mean over draws of [outcome == 0] score = d P(outcome 0) / d output. */
START_TEST(score_of_kinds) {
    bench b;
    set_up(&b, "Ag6Au4");
    hop__hop_policy *p = b.hops->policy;
    static const double weight[HOP__HOP_KINDS] = {0.2, 0.3, 0.5};
    double score[HOP__HOP_OUTPUTS * 16], slope[HOP__HOP_KINDS] = {0};
    double mean[HOP__HOP_KINDS] = {0}, shares[2] = {0};
    p->score = score;
    p->mean[HOP__KIND] = 0.4;
    p->mean[HOP__KIND + 1] = -0.3;
    for (int draw = 0; draw < DRAWS; draw++) {
        memset(score, 0, sizeof score);
        int kind = hop__hop_policy_kind(p, weight, 0.1);
        for (size_t k = 0; k < HOP__HOP_KINDS; k++) {
            double d = 0.0;
            for (size_t i = 0; i < ATOMS; i++)
                d += score[(HOP__KIND + k) * b.hops->atoms.stride + i];
            mean[k] += d / DRAWS;
            slope[k] += kind == 0 ? d / DRAWS : 0.0;
        }
    }
    p->score = NULL;
    const double step = 0.3;
    for (int side = 0; side < 2; side++) {
        p->mean[HOP__KIND] = 0.4 + (side ? -step : step);
        for (int draw = 0; draw < 4 * DRAWS; draw++)
            shares[side] +=
                hop__hop_policy_kind(p, weight, 0.1) == 0 ? 0.25 / DRAWS : 0.0;
    }
    for (int k = 0; k < HOP__HOP_KINDS; k++)
        ck_assert_double_eq_tol(mean[k], 0.0, 0.015);
    ck_assert_double_eq_tol(slope[0], (shares[0] - shares[1]) / (2.0 * step), 0.015);
    ck_assert_double_gt(slope[0], 0.1);
    tear_down(&b);
}
END_TEST

/* The logarithm of the probability of what was drawn, differentiated numerically. */
START_TEST(score_of_atoms) {
    bench b;
    set_up(&b, "Ag6Au4");
    hop__hop_policy *p = b.hops->policy;
    const size_t stride = b.hops->atoms.stride;
    double score[HOP__HOP_OUTPUTS * 16] = {0}, base[ATOMS];
    double entropy[HOP__HOP_OUTPUTS * 16] = {0};
    double *y = p->y + HOP__RELOCATE * stride;
    random_weights(y, ATOMS, 1.0);
    random_weights(base, ATOMS, 0.5);
    base[3] = -INFINITY;
    p->score = score;
    p->entropy = entropy;
    memcpy(p->logits, base, sizeof base);
    size_t chosen = hop__hop_policy_atom(p, HOP__RELOCATE);
    ck_assert_uint_ne(chosen, 3);
    for (size_t i = 0; i < ATOMS; i++) {
        double value[2], spread[2] = {0.0, 0.0}, keep = y[i];
        for (int side = 0; side < 2; side++) {
            double sum = 0.0;
            y[i] = keep + (side ? -1e-5 : 1e-5);
            for (size_t j = 0; j < ATOMS; j++)
                sum += exp(base[j] + y[j]);
            value[side] = base[chosen] + y[chosen] - log(sum);
            for (size_t j = 0; j < ATOMS; j++) {
                double part = exp(base[j] + y[j]) / sum;
                spread[side] -= part > 0.0 ? part * log(part) : 0.0;
            }
        }
        y[i] = keep;
        ck_assert_double_eq_tol(entropy[HOP__RELOCATE * stride + i],
                                (spread[0] - spread[1]) / 2e-5, 1e-8);
        ck_assert_double_eq_tol(score[HOP__RELOCATE * stride + i],
                                (value[0] - value[1]) / 2e-5, 1e-8);
    }
    tear_down(&b);
}
END_TEST

START_TEST(score_of_sites) {
    bench b;
    set_up(&b, "Ag6Au4");
    hop__hop_policy *p = b.hops->policy;
    enum { WEIGHTS = HOP__PERCEPTRON_HIDDEN * (HOP__SITE_INPUTS + 2) + 1 };
    double w[WEIGHTS], score[WEIGHTS] = {0}, hidden[HOP__PERCEPTRON_HIDDEN];
    hop__site site[HOP__SITES];
    ck_assert_uint_eq(hop__perceptron_parameter_count(HOP__SITE_INPUTS), WEIGHTS);
    random_weights(w, WEIGHTS, 0.7);
    for (size_t k = 0; k < HOP__SITES; k++) {
        random_weights(site[k].in, HOP__SITE_INPUTS, 0.1 * (double)(k + 1));
        site[k].logit = 0.2 * (double)(k % 5);
    }
    p->site_weights = w;
    p->site_score = score;
    size_t chosen = hop__hop_policy_site(p, site);
    for (size_t k = 0; k < WEIGHTS; k++) {
        double value[2], keep = w[k];
        for (int side = 0; side < 2; side++) {
            double sum = 0.0, mine = 0.0;
            w[k] = keep + (side ? -1e-5 : 1e-5);
            for (size_t j = 0; j < HOP__SITES; j++) {
                double logit =
                    site[j].logit +
                    hop__perceptron_forward(w, HOP__SITE_INPUTS, site[j].in, hidden);
                sum += exp(logit);
                mine = j == chosen ? logit : mine;
            }
            value[side] = mine - log(sum);
        }
        w[k] = keep;
        ck_assert_double_eq_tol(score[k], (value[0] - value[1]) / 2e-5, 1e-8);
    }
    tear_down(&b);
}
END_TEST

/* Displacements have the size that was asked for, and their score is that of a normal
   distribution: the mean of |d|^2 score is d |d|^2 / d log amplitude = 2 |d|^2. */
START_TEST(score_of_displacements) {
    bench b;
    set_up(&b, "Ag6Au4");
    hop__hop_policy *p = b.hops->policy;
    const size_t stride = b.hops->atoms.stride;
    static const double frame[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    double score[HOP__HOP_OUTPUTS * 16], d[3 * ATOMS], square = 0.0, slope = 0.0;
    double size = 0.0;
    b.s->fixed[1] = 1;
    p->score = score;
    for (int draw = 0; draw < DRAWS; draw++) {
        memset(score, 0, sizeof score);
        hop__hop_policy_displace(p, 1.5, frame, d);
        double one = hop__dot(d, d, 3);
        square += one / DRAWS;
        slope += one * score[HOP__AMPLITUDE * stride] / DRAWS;
        for (size_t i = 0; i < ATOMS; i++) /* of all atoms, which grow together */
            size += hop__dot(d, d, 3 * ATOMS) * score[HOP__SIZE * stride + i] / DRAWS;
        for (size_t c = 3; c < 6; c++)
            ck_assert_double_eq(d[c], 0.0);
        ck_assert_double_eq(score[HOP__AMPLITUDE * stride + 1], 0.0);
    }
    double expected = 1.5 * 1.5 * 0.6 * exp(2.0 * 0.25 * 0.25); /* log-normal size */
    ck_assert_double_eq_tol(square, expected, 0.03 * expected);
    ck_assert_double_eq_tol(slope, 2.0 * square, 0.1 * square);
    ck_assert_double_eq_tol(size, 18.0 * square, 0.9 * square);
    tear_down(&b);
}
END_TEST

/* ---- hops ---- */

/* Each move does what its name says, and touches no fixed atom. */
START_TEST(moves_touch_what_they_say) {
    bench b;
    set_up(&b, "Ag6Au4");
    b.s->fixed[2] = 1;
    b.settings.more_swaps = b.settings.more_relocations = 0.0;
    b.settings.part = b.settings.apart = 0.0;
    double x[3 * ATOMS];
    for (int round = 0; round < 50; round++)
        for (int move = HOP__MOVE_SHAKE; move <= HOP__MOVE_SWAP; move++) {
            size_t changed = 0;
            hop__hops_move(b.hops, (enum hop__move)move, x);
            for (size_t i = 0; i < ATOMS; i++)
                changed += memcmp(x + 3 * i, b.s->positions + 3 * i, 24) != 0;
            ck_assert_uint_eq(changed, move == HOP__MOVE_SHAKE      ? ATOMS - 1
                                       : move == HOP__MOVE_RELOCATE ? 1
                                                                    : 2);
            ck_assert_mem_eq(x + 6, b.s->positions + 6, 24);
        }
    tear_down(&b);
}
END_TEST

static double distance(const double *x, size_t i, size_t j) {
    double d[3] = {x[3 * i] - x[3 * j], x[3 * i + 1] - x[3 * j + 1],
                   x[3 * i + 2] - x[3 * j + 2]};
    return sqrt(hop__dot(d, d, 3));
}

/* A twist turns a part as a whole and leaves the rest where it is; a shake of a part
   moves those atoms alone. */
START_TEST(parts) {
    bench b;
    int turned = 0, whole = 0;
    double x[3 * ATOMS];
    set_up(&b, "Ag6Au4");
    b.s->fixed[2] = 1;
    b.settings.apart = 0.0;
    b.settings.part = 1.0;
    for (int round = 0; round < 200; round++) {
        const double *before = b.s->positions;
        hop__hops_move(b.hops, round % 2 ? HOP__MOVE_TWIST : HOP__MOVE_SHAKE, x);
        for (size_t i = 0; i < ATOMS; i++) {
            bool moved = memcmp(x + 3 * i, before + 3 * i, 24) != 0;
            ck_assert_int_eq(moved, b.hops->involved[i] != 0.0);
            turned += moved;
            whole += !moved;
            for (size_t j = 0; j < i && round % 2; j++)
                if (b.hops->involved[i] == b.hops->involved[j])
                    ck_assert_double_eq_tol(distance(x, i, j), distance(before, i, j),
                                            1e-12);
        }
        ck_assert_mem_eq(x + 6, before + 6, 24);
    }
    ck_assert_int_gt(turned, 200);
    ck_assert_int_gt(whole, 200);
    tear_down(&b);
}
END_TEST

/* Atoms, weakly bound ones above all, go near the centre, no others. */
START_TEST(insertions) {
    bench b;
    int times[ATOMS] = {0}, weakest = 0;
    double x[3 * ATOMS], centre[3] = {0.0, 0.0, 0.0};
    set_up(&b, "Ag6Au4");
    b.s->fixed[2] = 1;
    b.settings.apart = 0.0;
    b.settings.more_insertions = 0.5;
    size_t top = 0;
    for (size_t a = 0; a < 3 * ATOMS; a++)
        centre[a % 3] += b.s->positions[a] / ATOMS;
    for (size_t i = 1; i < ATOMS; i++)
        if (i != 2 && b.hops->shells.energy[i] > b.hops->shells.energy[top])
            top = i;
    for (int round = 0; round < 300; round++) {
        size_t moved = 0;
        hop__hops_move(b.hops, HOP__MOVE_INSERT, x);
        for (size_t i = 0; i < ATOMS; i++) {
            const double *at = x + 3 * i, *was = b.s->positions + 3 * i;
            ck_assert_int_eq(memcmp(at, was, 24) != 0, b.hops->involved[i] != 0.0);
            if (b.hops->involved[i] == 0.0)
                continue;
            moved++;
            const double d[3] = {at[0] - centre[0], at[1] - centre[1],
                                 at[2] - centre[2]};
            ck_assert_double_lt(sqrt(hop__dot(d, d, 3)), 1.2 * b.units.length);
        }
        ck_assert_double_eq(b.hops->involved[2], 0.0);
        ck_assert_uint_ge(moved, 1);
        ck_assert_uint_lt(moved, ATOMS - 1);
        times[moved]++;
        weakest += b.hops->involved[top] != 0.0;
    }
    ck_assert_int_gt(times[1], 100); /* half of them on average */
    ck_assert_int_gt(times[2], 40);
    ck_assert_int_gt(weakest, 90);
    tear_down(&b);
}
END_TEST

/* Atoms that overlap are moved apart, fixed ones stay; swaps that are said to be good
   come to be promised lower energies. */
START_TEST(apart_and_swaps) {
    bench b;
    double x[3 * ATOMS];
    set_up(&b, "Ag6Au4");
    memcpy(x, b.s->positions, sizeof x);
    b.s->fixed[0] = 1;
    x[3] = x[0] + 0.1;
    x[4] = x[1];
    x[5] = x[2];
    hop__moves_apart(&b.hops->moves, 0.7, x);
    ck_assert_mem_eq(x, b.s->positions, 24);
    ck_assert_double_gt(distance(x, 0, 1), 0.65 * b.hops->moves.length);
    hop__swaps *swaps = &b.hops->swaps;
    for (int round = 0; round < 40; round++) { /* atoms 0 and 7: good, 1 and 8: bad */
        const size_t i = round % 2 ? 1 : 0;
        hop__swaps_begin(swaps);
        hop__swaps_take_part(swaps, &b.hops->atoms, &b.hops->shells, i);
        hop__swaps_take_part(swaps, &b.hops->atoms, &b.hops->shells, 7 + i);
        hop__swaps_learn(swaps, i == 0 ? -0.05 : 0.05);
    }
    double promise[2];
    for (size_t i = 0; i < 2; i++)
        promise[i] = hop__swaps_promise(swaps, &b.hops->atoms, &b.hops->shells, i) +
                     hop__swaps_promise(swaps, &b.hops->atoms, &b.hops->shells, 7 + i);
    ck_assert_double_eq_tol(promise[0], -0.05, 0.01);
    ck_assert_double_eq_tol(promise[1], 0.05, 0.01);
    tear_down(&b);
}
END_TEST

/* A network that has learned nothing makes the hand-made search, bit for bit. */
START_TEST(untrained_is_hand_made) {
    bench b;
    double best[2];
    set_up(&b, "Ag6Au4");
    for (int with = 0; with < 2; with++) {
        hop_optimizer *o;
        hop_model *model;
        ck_assert_int_eq(hop_optimizer_new(b.context, "learned", b.s, b.potential, &o),
                         HOP_OK);
        ck_assert_int_eq(hop_model_new(b.context, &model), HOP_OK);
        if (with)
            ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
        hop_optimizer_set(o, "max_evaluations", 600);
        hop_structure *end;
        ck_assert_int_eq(hop_structure_copy(b.s, &end), HOP_OK);
        ck_assert_int_eq(hop_optimizer_run(o, end, NULL, NULL), HOP_MAX_EVALUATIONS);
        best[with] = *end->energy;
        hop_structure_free(end);
        hop_model_free(model);
        hop_optimizer_free(o);
    }
    ck_assert_double_eq(best[0], best[1]);
    tear_down(&b);
}
END_TEST

/* ---- beginning anew ---- */

enum { LIMIT = 700 };

/* A model whose networks all do something, though nothing useful. */
static hop_model *busy_model(hop_context *context) {
    hop_model *model;
    size_t count;
    ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
    double *w = hop_model_parameters(model, &count);
    random_weights(w, count, 0.1);
    return model;
}

static hop_optimizer *make(const bench *b, int kind, hop_model *model) {
    const char *name = hop_optimizer_kind((size_t)(kind / 2));
    hop_optimizer *o;
    ck_assert_int_eq(hop_optimizer_new(b->context, name, b->s, b->potential, &o),
                     HOP_OK);
    if (strcmp(name, "learned") == 0) {
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "descend", kind % 2), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "abandon_below", 0.5), HOP_OK);
    }
    ck_assert_int_eq(hop_optimizer_set(o, "quenches", 0), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "polish", kind % 2 ? 60 : 0), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", LIMIT), HOP_OK);
    return o;
}

/* Energies of all that was asked, then zeros: polishing may end before the limit. */
static void trace(const bench *b, hop_optimizer *o, double energy[LIMIT]) {
    memset(energy, 0, LIMIT * sizeof *energy);
    for (int k = 0; k < LIMIT && hop_optimizer_ask(o, b->s) == HOP_OK; k++) {
        ck_assert_int_eq(hop_potential_evaluate(b->potential, b->s), HOP_OK);
        energy[k] = *b->s->energy;
        ck_assert_int_eq(hop_optimizer_tell(o, b->s), HOP_OK);
    }
}

/* Nothing of an earlier run is left in an optimizer that begins anew. */
START_TEST(begun_anew_is_new) {
    static double fresh[LIMIT], anew[LIMIT];
    bench b;
    set_up(&b, "Ag6Au4");
    double x[3 * ATOMS];
    memcpy(x, b.s->positions, sizeof x);
    hop_model *model = busy_model(b.context);
    hop_optimizer *o = make(&b, _i, model);
    ck_assert_int_eq(hop_optimizer_set(o, "seed", 17), HOP_OK);
    trace(&b, o, fresh);
    hop_optimizer_free(o);
    hop_structure_free(b.s);
    ck_assert_int_eq(hop_structure_random(b.context, "Ag6Au4", b.potential, 8, &b.s),
                     HOP_OK);
    o = make(&b, _i, model);
    trace(&b, o, anew);
    ck_assert_mem_ne(fresh, anew, sizeof fresh);
    ck_assert_int_eq(hop__optimizer_restart(o, x, 17), HOP_OK);
    trace(&b, o, anew);
    ck_assert_mem_eq(fresh, anew, sizeof fresh);
    hop_optimizer_free(o);
    hop_model_free(model);
    tear_down(&b);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hop_policy");
    TCase *all = tcase_create("all");
    tcase_add_test(all, inputs_do_not_turn);
    tcase_add_test(all, shells_of_a_square);
    tcase_add_test(all, score_of_kinds);
    tcase_add_test(all, score_of_atoms);
    tcase_add_test(all, score_of_sites);
    tcase_add_test(all, score_of_displacements);
    tcase_add_test(all, moves_touch_what_they_say);
    tcase_add_test(all, parts);
    tcase_add_test(all, insertions);
    tcase_add_test(all, apart_and_swaps);
    tcase_add_test(all, untrained_is_hand_made);
    int kinds = 0;
    while (hop_optimizer_kind((size_t)kinds))
        kinds++;
    tcase_add_loop_test(all, begun_anew_is_new, 0, 2 * kinds);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
