/* Watching quenches: the loss and its slopes, and that training sees what it should. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "learning/model.h"
#include "learning/watch.h"
#include "optimizers/optimizer.h"
#include "support/support.h"

static hop_context *context;

static void setup(void) { ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK); }
static void teardown(void) { hop_context_free(context); }

/* The loss against its definition, its slopes against differences. */
START_TEST(loss) {
    const size_t stride = hop__lstm_stride(1);
    double y[2 * 8] = {0}, bar[2 * 8], none[2 * 8];
    for (int k = 0; k < 40; k++) {
        const bool close = k % 2;
        const double still = k % 5 == 0 ? 0.0 : 1e-4 * exp(0.3 * k);
        y[0] = 0.37 * k - 7.0;
        y[stride] = 1.0 - 0.1 * k;
        double value = hop__watch_loss(y, close, still, bar), slope[2];
        double p = 1.0 / (1.0 + exp(-y[0]));
        double error = y[stride] - 0.5 * log10(still + 1e-8 + 1e-6);
        ck_assert_double_eq_tol(
            value, -log((close ? p : 1.0 - p) + 1e-12) + 0.3 * error * error, 1e-9);
        for (size_t o = 0; o < 2; o++) {
            double keep = y[o * stride], side[2];
            for (int s = 0; s < 2; s++) {
                y[o * stride] = keep + (s ? -1e-5 : 1e-5);
                side[s] = hop__watch_loss(y, close, still, none);
            }
            y[o * stride] = keep;
            slope[o] = (side[0] - side[1]) / 2e-5;
            ck_assert_double_eq_tol(bar[o * stride], slope[o], 1e-6);
        }
    }
}
END_TEST

/* What a quench is told from comes back for every quench: no state is left over. */
START_TEST(starts_anew) {
    double weights[4000], first[3];
    hop__watch *w;
    hop__watch_input in = {.above = 0.1, .rms = 0.05, .most = 0.1, .atoms = 38};
    hop__random random = hop__random_start(1, 2);
    ck_assert_uint_le(hop__model_size(HOP__ABANDON), 4000);
    for (size_t k = 0; k < hop__model_size(HOP__ABANDON); k++)
        weights[k] = 0.3 * hop__random_normal(&random);
    ck_assert_int_eq(hop__watch_new(context, &w), HOP_OK);
    w->weights = weights;
    for (int quench = 0; quench < 3; quench++) {
        hop__watch_start(w);
        for (int step = 0; step < 3; step++) {
            in.step = step;
            double p = hop__watch_step(w, &in);
            ck_assert(p > 0.0 && p < 1.0);
            if (quench == 0)
                first[step] = p;
            ck_assert_double_eq(p, first[step]);
        }
    }
    ck_assert_double_ne(first[0], first[2]);
    ck_assert_int_eq(w->looks, 9);
    hop__watch_free(w);
}
END_TEST

/* A model that gives up everything ends each quench that is above the accepted
   minimum at its second step; one that gives up
   nothing, none. */
START_TEST(quenches_end) {
    int64_t quenches[2];
    hop_potential *potential;
    hop_structure *s;
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu.gupta", &potential), HOP_OK);
    ck_assert_int_eq(hop_structure_random(context, "Ag8Au5", potential, 1, &s), HOP_OK);
    for (int all = 0; all < 2; all++) {
        hop_model *model;
        hop_optimizer *o;
        hop_progress now = {.size = sizeof now};
        ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
        double *w = hop_model_parameters(model, NULL) + hop__model_offset(HOP__ABANDON);
        /* the bias of the first output */
        w[hop__model_size(HOP__ABANDON) - HOP__WATCH_HIDDEN - 2] = all ? -20.0 : 20.0;
        ck_assert_int_eq(hop_optimizer_new(context, "learned", s, potential, &o),
                         HOP_OK);
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
        hop_optimizer_set(o, "max_evaluations", 2000);
        hop_optimizer_set(o, "abandon", 1);
        hop_optimizer_set(o, "settle",
                          0); /* what will be settled is quenched to the end */
        hop_structure *end;
        ck_assert_int_eq(hop_structure_copy(s, &end), HOP_OK);
        ck_assert_int_eq(hop_optimizer_run(o, end, NULL, NULL), HOP_MAX_EVALUATIONS);
        hop_optimizer_progress(o, &now);
        quenches[all] = now.quenches;
        hop_structure_free(end);
        hop_optimizer_free(o);
        hop_model_free(model);
    }
    ck_assert_int_gt(quenches[0], 20);
    ck_assert_int_gt(quenches[1], 2 * quenches[0]);
    hop_structure_free(s);
    hop_potential_free(potential);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("watch");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, loss);
    tcase_add_test(all, starts_anew);
    tcase_add_test(all, quenches_end);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
