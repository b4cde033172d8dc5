/* descent MODEL.h5 [RUNS]: force calls of single descents on elements and alloys that no
 * model was trained on, and on Lennard-Jones clusters: until the energy stays within 1 meV
 * (or epsilon / 1000) of the minimum that the descent is heading to, and until the largest
 * force is below 0.01.  Starts are random clusters, and minima after a shake (every atom by up
 * to 0.36 r0), after swaps (three unlike pairs) and after relocations (three atoms taken to the
 * surface from opposite directions).  The last column is the mean energy of the minima. */
#include <hop.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *potential, *formula;
    double length; /* r0, angstrom */
} systems[] = {{"Pd.gupta", "Pd38", 2.75},
               {"Pd.gupta", "Pd55", 2.75},
               {"AgAu.gupta", "Ag19Au19", 2.89},
               {"CuAu.gupta", "Cu19Au19", 2.72},
               {"LJ.lj", "X38", 1.12}};
enum { SYSTEMS = sizeof systems / sizeof *systems };

static const struct {
    const char *name, *kind;
    int model, prior;
} methods[] = {{"fire", "fire", 0, 0},
               {"lbfgs", "lbfgs", 0, 0},
               {"hand-made step", "learned", 0, 0},
               {"learned", "learned", 1, 0},
               {"learned, prior", "learned", 1, 300}};
enum { METHODS = sizeof methods / sizeof *methods, MOST = 4000 };

static const char *const starts[] = {"random", "shaken", "swapped", "relocated"};
enum { RANDOM, SHAKEN, SWAPPED, RELOCATED, STARTS };

typedef struct tally {
    double close, total, energy;
} tally;

static hop_context *context;
static hop_model *model;

static void check(int status) {
    if (status < 0) {
        fprintf(stderr, "descent: %s\n", hop_error_message(context));
        exit(1);
    }
}

/* ---- starts ---- */

static double between(double low, double high) {
    return low + (high - low) * rand() / RAND_MAX;
}

static void shake(hop_structure *s, double radius) {
    double *x = hop_structure_positions(s);
    for (size_t k = 0; k < 3 * hop_structure_count(s); k++)
        x[k] += radius * between(-1.0, 1.0);
}

/* False where there is one element. */
static int swap(hop_structure *s) {
    const int32_t *numbers = hop_structure_numbers(s);
    const size_t n = hop_structure_count(s);
    double *x = hop_structure_positions(s);
    if (numbers[0] ==
        numbers[n - 1]) /* formulas have their elements one after the other */
        return 0;
    for (int pairs = 0; pairs < 3;) {
        const size_t i = (size_t)rand() % n, j = (size_t)rand() % n;
        if (numbers[i] == numbers[j])
            continue;
        for (size_t c = 0; c < 3; c++) {
            const double keep = x[3 * i + c];
            x[3 * i + c] = x[3 * j + c];
            x[3 * j + c] = keep;
        }
        pairs++;
    }
    return 1;
}

/* The farthest atom comes to where a line from outside along `unit` meets the others. */
static void relocate(hop_structure *s, double length) {
    const size_t n = hop_structure_count(s);
    double *x = hop_structure_positions(s), centre[3] = {0.0}, unit[3], norm = 0.0;
    size_t far = 0;
    for (size_t k = 0; k < 3 * n; k++)
        centre[k % 3] += x[k] / (double)n;
    for (size_t c = 0; c < 3; c++) {
        unit[c] = between(-1.0, 1.0);
        norm += unit[c] * unit[c];
    }
    double most = -1.0, reach = 0.0;
    for (size_t i = 0; i < n; i++) {
        double square = 0.0;
        for (size_t c = 0; c < 3; c++)
            square += pow(x[3 * i + c] - centre[c], 2.0);
        if (square > most) {
            most = square;
            far = i;
        }
    }
    for (size_t i = 0; i < n; i++) {
        double along = 0.0, square = 0.0;
        for (size_t c = 0; c < 3; c++) {
            const double d = x[3 * i + c] - centre[c];
            along += d * unit[c] / sqrt(norm);
            square += d * d;
        }
        const double aside = square - along * along, contact = 0.95 * length;
        if (i != far && aside < contact * contact)
            reach = fmax(reach, along + sqrt(contact * contact - aside));
    }
    for (size_t c = 0; c < 3; c++)
        x[3 * far + c] = centre[c] + reach * unit[c] / sqrt(norm);
}

/* NULL where the kind of start does not exist. */
static hop_structure *make_start(size_t system, int kind, int run, hop_potential *p) {
    hop_structure *s;
    check(hop_structure_random(context, systems[system].formula, p,
                               9000 + (uint64_t)run, &s));
    srand((unsigned)run);
    if (kind == RANDOM)
        return s;
    hop_optimizer *o;
    check(hop_optimizer_new(context, "lbfgs", s, p, &o));
    check(hop_optimizer_run(o, s, NULL, NULL));
    hop_optimizer_free(o);
    if (kind == SHAKEN)
        shake(s, 0.36 * systems[system].length);
    for (int k = 0; kind == RELOCATED && k < 3; k++)
        relocate(s, systems[system].length);
    if (kind != SWAPPED || swap(s))
        return s;
    hop_structure_free(s);
    return NULL;
}

/* ---- descents ---- */

static void descend(size_t method, const hop_structure *start, hop_potential *p,
                    tally *sum) {
    static double energy[MOST];
    hop_structure *s;
    hop_optimizer *o;
    int calls = 0, status;
    check(hop_structure_copy(start, &s));
    check(hop_optimizer_new(context, methods[method].kind, s, p, &o));
    if (methods[method].model)
        check(hop_optimizer_set_model(o, model));
    if (methods[method].prior)
        check(hop_optimizer_set(o, "prior", methods[method].prior));
    check(hop_optimizer_set(o, "quenches", 1));
    check(hop_optimizer_set(o, "polish", 0));
    check(hop_optimizer_set(o, "fmax", 0.01));
    check(hop_optimizer_set(o, "max_evaluations", MOST));
    while ((status = hop_optimizer_ask(o, s)) == HOP_OK) {
        hop_potential_evaluate(p, s);
        energy[calls++] = *hop_structure_energy(s);
        hop_optimizer_tell(o, s);
    }
    check(status);
    hop_optimizer_free(o);
    hop_structure_free(s);
    int reached = calls;
    while (reached > 0 && energy[reached - 1] <= energy[calls - 1] + 1e-3)
        reached--;
    sum->close += reached + 1 < calls ? reached + 1 : calls;
    sum->total += calls;
    sum->energy += energy[calls - 1];
}

static void compare(size_t system, int kind, int runs) {
    hop_potential *p;
    tally sum[METHODS] = {{0.0, 0.0, 0.0}};
    check(hop_potential_builtin(context, systems[system].potential, &p));
    for (int run = 0; run < runs; run++) {
        hop_structure *start = make_start(system, kind, run, p);
        for (size_t m = 0; start && m < METHODS; m++)
            descend(m, start, p, &sum[m]);
        hop_structure_free(start);
    }
    for (size_t m = 0; sum[0].total > 0.0 && m < METHODS; m++)
        printf("%-9s %-9s %-15s %8.1f (%.2f) %8.1f (%.2f) %10.3f\n",
               systems[system].formula, starts[kind], methods[m].name,
               sum[m].close / runs, sum[m].close / sum[1].close, sum[m].total / runs,
               sum[m].total / sum[1].total, sum[m].energy / runs);
    hop_potential_free(p);
}

int main(int argc, char **argv) {
    if (argc < 2 || hop_context_new(NULL, &context) != HOP_OK)
        return 2;
    check(hop_model_load(context, argv[1], &model));
    const int runs = argc > 2 ? atoi(argv[2]) : 50;
    printf("%-9s %-9s %-15s %15s %15s %10s\n", "system", "start", "optimizer",
           "calls to 1 meV", "to fmax 0.01", "energy");
    for (size_t k = 0; k < SYSTEMS; k++)
        for (int kind = 0; kind < STARTS; kind++)
            compare(k, kind, runs);
    hop_model_free(model);
    hop_context_free(context);
    return 0;
}
