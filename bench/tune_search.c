/* Settings of a global search, tuned by trials: an evolution in rounds.
 *
 *   tune_search SYSTEMS [--optimizer KIND] [--space FILE] [--rounds LIST] [--seed S]
 *               [--set NAME=VALUE,...] [--try NAME=VALUE,...] ... [--model FILE]
 *
 * SYSTEMS  lines of potential, formula, lowest energy known, and for a periodic
 *          system the three edges of its cell in angstrom; # begins a comment
 * --space  lines of option, lowest, highest, and "linear", "log", "whole" or "flag"
 * --set    base settings instead of the defaults
 * --try    further settings to begin with, each on top of the base
 * --rounds settings:calls:runs[,...]: in each round the best settings of the last one and
 *          children of theirs, as many as it says, make `runs` searches of `calls`
 *          evaluations on every system, all from the same starts, which no earlier round
 *          has used.  A quarter of the settings survive; the base always does.
 *
 * The score of a search is the mean of log10(gap + 0.001) at evaluations 1000, 3162,
 * 10000, ... up to its limit; gap: best energy so far minus the lowest known, in binding
 * energies per atom.  After the last round a table tells of every system: mean gap in eV
 * at each of these points, runs that came within 0.001 eV (or epsilon), evaluations and
 * processor seconds in all over these hits. */
#include <hop.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_OPTIONS = 64, MAX_SYSTEMS = 64, MAX_SETTINGS = 512, MAX_POINTS = 12 };

typedef struct option {
    char name[48], scale[16];
    double low, high;
} option;

typedef struct settings {
    double value[MAX_OPTIONS];
    bool given[MAX_OPTIONS]; /* false: the kind's default */
    double score, error;
    int id, parent;
} settings;

typedef struct result {
    double gap[MAX_POINTS];
    int hits, runs;
    double calls, seconds;
} result;

typedef struct system_ {
    char potential[64], formula[32];
    double lowest, unit, cell[3];
    hop_potential *handle;
    double found; /* the lowest that these searches have found */
} system_;

static hop_context *context;
static hop_model *model;
static const char *kind = "basin-hopping";
static option options[MAX_OPTIONS];
static int option_count, system_count;
static system_ systems[MAX_SYSTEMS];
static double point[MAX_POINTS];
static int point_count;

static void die(const char *what) {
    fprintf(stderr, "tune_search: %s: %s\n", what, hop_error_message(context));
    exit(1);
}

static void must(int status, const char *what) {
    if (status < 0)
        die(what);
}

/* ---- random numbers of the evolution (splitmix64) ---- */

static uint64_t random_state;

static double uniform(void) {
    uint64_t z = random_state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return ((double)((z ^ (z >> 31)) >> 12) + 0.5) * 0x1p-52;
}

/* ---- options ---- */

static int find_option(const char *name) {
    for (int k = 0; k < option_count; k++)
        if (strcmp(options[k].name, name) == 0)
            return k;
    if (option_count == MAX_OPTIONS)
        die("too many options");
    snprintf(options[option_count].name, sizeof options->name, "%s", name);
    return option_count++;
}

static double default_of(const char *name) {
    hop_option o = {.size = sizeof o};
    for (size_t k = 0; hop_option_describe(kind, k, &o) == HOP_OK; k++)
        if (strcmp(o.name, name) == 0)
            return o.initial;
    fprintf(stderr, "tune_search: %s has no option %s\n", kind, name);
    exit(1);
}

static void apply_list(settings *s, const char *text) {
    char copy[4096], *state = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *t = strtok_r(copy, ", ", &state); t; t = strtok_r(NULL, ", ", &state)) {
        char *equals = strchr(t, '=');
        if (!equals)
            die("expected NAME=VALUE");
        *equals = '\0';
        int k = find_option(t);
        default_of(t);
        s->value[k] = atof(equals + 1);
        s->given[k] = true;
    }
}

static double value_of(const settings *s, int k) {
    return s->given[k] ? s->value[k] : default_of(options[k].name);
}

static double draw(const option *o) {
    if (strcmp(o->scale, "flag") == 0)
        return uniform() < 0.5 ? 0.0 : 1.0;
    double x = uniform();
    if (strcmp(o->scale, "log") == 0)
        return o->low * pow(o->high / o->low, x);
    x = o->low + (o->high - o->low) * x;
    return strcmp(o->scale, "whole") == 0 ? floor(x + 0.5) : x;
}

/* A step of a fifth of the range, or a value from anywhere. */
static double mutate(const option *o, double value) {
    bool log_scale = strcmp(o->scale, "log") == 0;
    if (strcmp(o->scale, "flag") == 0 || uniform() < 0.3 || (log_scale && value <= 0.0))
        return draw(o);
    double t = uniform() + uniform() + uniform() - 1.5, low = o->low, high = o->high;
    if (log_scale)
        value *= pow(high / low, 0.25 * t);
    else
        value += 0.25 * t * (high - low);
    if (strcmp(o->scale, "whole") == 0)
        value = floor(value + 0.5);
    return fmin(fmax(value, low), high);
}

static void breed(const settings *a, const settings *b, settings *child) {
    *child = *a;
    child->parent = a->id;
    int tunable = 0, changed = 0;
    for (int k = 0; k < option_count; k++)
        tunable += options[k].scale[0] != '\0';
    for (int k = 0; k < option_count && b != a; k++)
        if (options[k].scale[0] && uniform() < 0.4 &&
            value_of(a, k) != value_of(b, k)) {
            child->value[k] = value_of(b, k);
            child->given[k] = true;
            changed++;
        }
    for (int tries = 0; tries < 100 && (changed == 0 || tries == 0); tries++)
        for (int k = 0; k < option_count; k++)
            if (options[k].scale[0] && uniform() < 3.0 / (double)tunable) {
                child->value[k] = mutate(&options[k], value_of(child, k));
                child->given[k] = true;
                changed++;
            }
}

/* ---- trials ---- */

typedef struct run {
    const system_ *system;
    double gap[MAX_POINTS];
    int next;
} run;

static int watch(void *user, const hop_progress *p) {
    run *r = user;
    while (r->next < point_count && (double)p->evaluations >= point[r->next])
        r->gap[r->next++] = p->best_energy - r->system->lowest;
    return 0;
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill_cell(hop_structure *x, const system_ *system, uint64_t seed) {
    for (int a = 0; a < 3; a++) {
        hop_structure_cell(x)[4 * a] = system->cell[a];
        hop_structure_periodic(x)[a] = 1;
    }
    must(hop_structure_scatter(x, system->handle, seed), system->formula);
}

static double trial(const settings *s, system_ *system, uint64_t seed, double calls,
                    result *out) {
    hop_structure *x;
    hop_optimizer *o;
    run r = {.system = system};
    must(hop_structure_random(context, system->formula, system->handle, seed, &x),
         system->formula);
    if (system->cell[0] > 0.0)
        fill_cell(x, system, seed);
    must(hop_optimizer_new(context, kind, x, system->handle, &o), kind);
    if (model && strcmp(kind, "learned") == 0)
        must(hop_optimizer_set_model(o, model), "model");
    must(hop_optimizer_set(o, "polish", 0), "polish");
    must(hop_optimizer_set(o, "seed", (double)seed), "seed");
    must(hop_optimizer_set(o, "max_evaluations", calls), "max_evaluations");
    must(hop_optimizer_set(o, "target", system->lowest + 1e-3), "target");
    for (int k = 0; k < option_count; k++)
        if (s->given[k])
            must(hop_optimizer_set(o, options[k].name, s->value[k]), options[k].name);
    double began = seconds(), score = 0.0;
    must(hop_optimizer_run(o, x, watch, &r), system->formula);
    out->seconds += seconds() - began;
    hop_progress p = {.size = sizeof p};
    hop_optimizer_progress(o, &p);
    while (r.next < point_count)
        r.gap[r.next++] = p.best_energy - system->lowest;
    for (int k = 0; k < point_count; k++) {
        double gap = fmax(r.gap[k], 0.0);
        out->gap[k] += gap;
        score += log10(gap / system->unit + 1e-3) / point_count;
    }
    out->hits += p.best_energy <= system->lowest + 1e-3;
    out->calls += (double)p.evaluations;
    out->runs++;
    system->found = fmin(system->found, p.best_energy);
    hop_optimizer_free(o);
    hop_structure_free(x);
    return score;
}

static void judge(settings *s, uint64_t seed, int runs, double calls, result *table) {
    double sum = 0.0, square = 0.0;
    memset(table, 0, sizeof *table * MAX_SYSTEMS);
    for (int r = 0; r < runs; r++) {
        double mean = 0.0;
        for (int k = 0; k < system_count; k++)
            mean += trial(s, &systems[k], seed + (uint64_t)r, calls, &table[k]) /
                    system_count;
        sum += mean;
        square += mean * mean;
    }
    s->score = sum / runs;
    s->error = runs > 1
                   ? sqrt(fmax(square / runs - s->score * s->score, 0.0) / (runs - 1))
                   : 0.0;
}

/* ---- reports ---- */

static void print_settings(const settings *s) {
    printf("%4d (from %d)  %.4f +- %.4f ", s->id, s->parent, s->score, s->error);
    for (int k = 0; k < option_count; k++)
        if (s->given[k])
            printf(" %s=%.4g", options[k].name, s->value[k]);
    printf("\n");
}

static void print_table(const settings *s, const result *table) {
    print_settings(s);
    printf("     %-12s", "gap at");
    for (int k = 0; k < point_count; k++)
        printf(" %8.0f", point[k]);
    printf("   hits   calls/hit  s/hit  us/call\n");
    for (int k = 0; k < system_count; k++) {
        const result *r = &table[k];
        printf("     %-12s", systems[k].formula);
        for (int q = 0; q < point_count; q++)
            printf(" %8.4f", r->gap[q] / r->runs);
        printf("  %3d/%-3d", r->hits, r->runs);
        if (r->hits > 0)
            printf(" %10.3g %6.3f", r->calls / r->hits, r->seconds / r->hits);
        else
            printf(" %10s %6s", "-", "-");
        printf(" %6.2f\n", 1e6 * r->seconds / r->calls);
    }
    fflush(stdout);
}

/* ---- the evolution ---- */

static int by_score(const void *a, const void *b) {
    double x = ((const settings *)a)->score, y = ((const settings *)b)->score;
    return (x > y) - (x < y);
}

static void set_points(double calls) {
    point_count = 0;
    for (int k = 0; point_count < MAX_POINTS; k++) {
        double at = floor(1000.0 * pow(10.0, 0.5 * k));
        if (at > calls * 1.01)
            break;
        point[point_count++] = at;
    }
}

static int evolve(settings *pool, int count, int wanted, int round) {
    static int next_id = 1000;
    int survivors = count;
    if (round > 0) {
        survivors = (count + 3) / 4;
        for (int k = survivors; k < count; k++)
            if (pool[k].id == 0) /* the base stays */
                pool[survivors++] = pool[k];
    }
    if (survivors > wanted)
        survivors = wanted;
    count = survivors;
    while (count < wanted) {
        int a = (int)(uniform() * survivors), b = (int)(uniform() * survivors);
        breed(&pool[a], &pool[b], &pool[count]);
        pool[count++].id = next_id++;
    }
    return count;
}

static void search(settings *pool, int count, const char *rounds, uint64_t seed,
                   bool have_space) {
    static result table[MAX_SETTINGS][MAX_SYSTEMS];
    int wanted, runs, used, round = 0;
    double calls;
    while (sscanf(rounds, "%d:%lf:%d%n", &wanted, &calls, &runs, &used) == 3) {
        set_points(calls);
        wanted = wanted > MAX_SETTINGS ? MAX_SETTINGS : wanted;
        if (have_space)
            count = evolve(pool, count, wanted, round);
        const bool last = rounds[used] != ',';
        for (int k = 0; k < count; k++) {
            judge(&pool[k], seed, runs, calls, table[k]);
            if (last)
                print_table(&pool[k], table[k]);
        }
        seed += (uint64_t)runs;
        printf("# round %d: %d settings, %d runs of %.0f evaluations on %d systems\n",
               ++round, count, runs, calls, system_count);
        rounds += used;
        if (last)
            printf("# best first\n");
        qsort(pool, (size_t)count, sizeof *pool, by_score);
        for (int k = 0; k < count; k++)
            if (last || k < (count + 3) / 4 || pool[k].id == 0)
                print_settings(&pool[k]);
        fflush(stdout);
        if (last)
            break;
        rounds++;
    }
}

/* ---- input ---- */

static FILE *open_text(const char *path) {
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static void read_systems(const char *path) {
    char line[256];
    FILE *f = open_text(path);
    while (fgets(line, sizeof line, f) && system_count < MAX_SYSTEMS) {
        system_ *s = &systems[system_count];
        hop_structure *x;
        if (line[0] == '#' ||
            sscanf(line, "%63s %31s %lf %lf %lf %lf", s->potential, s->formula,
                   &s->lowest, &s->cell[0], &s->cell[1], &s->cell[2]) < 3)
            continue;
        must(hop_potential_builtin(context, s->potential, &s->handle), s->potential);
        must(hop_structure_random(context, s->formula, s->handle, 1, &x), s->formula);
        size_t n = hop_structure_count(x);
        for (size_t k = 0; k < n; k++) {
            hop_scales scales = {.size = sizeof scales};
            must(hop_potential_scales(s->handle, hop_structure_numbers(x)[k], &scales),
                 s->formula);
            s->unit += scales.energy / (double)n;
        }
        hop_structure_free(x);
        s->found = INFINITY;
        system_count++;
    }
    fclose(f);
}

static void read_space(const char *path) {
    char line[256];
    FILE *f = open_text(path);
    while (fgets(line, sizeof line, f)) {
        option o;
        if (line[0] == '#' ||
            sscanf(line, "%47s %lf %lf %15s", o.name, &o.low, &o.high, o.scale) != 4)
            continue;
        default_of(o.name);
        options[find_option(o.name)] = o;
    }
    fclose(f);
}

int main(int argc, char **argv) {
    static settings pool[MAX_SETTINGS];
    const char *rounds = "1:10000:16", *base = "", *space = NULL;
    int count = 1;
    uint64_t seed = 1;
    must(hop_context_new(NULL, &context), "context");
    for (int k = 2; k + 1 < argc; k += 2) {
        if (strcmp(argv[k], "--optimizer") == 0)
            kind = argv[k + 1];
        else if (strcmp(argv[k], "--rounds") == 0)
            rounds = argv[k + 1];
        else if (strcmp(argv[k], "--seed") == 0)
            seed = strtoull(argv[k + 1], NULL, 10);
        else if (strcmp(argv[k], "--set") == 0)
            base = argv[k + 1];
        else if (strcmp(argv[k], "--space") == 0)
            space = argv[k + 1];
        else if (strcmp(argv[k], "--model") == 0)
            must(hop_model_load(context, argv[k + 1], &model), argv[k + 1]);
        else if (strcmp(argv[k], "--try") != 0)
            argc = 0;
    }
    if (argc < 2 || argc % 2 != 0) {
        fprintf(stderr, "usage: tune_search SYSTEMS [--NAME VALUE] ...: see "
                        "bench/tune_search.c\n");
        return 2;
    }
    random_state = seed;
    if (space)
        read_space(space);
    apply_list(&pool[0], base);
    for (int k = 2; k + 1 < argc; k += 2)
        if (strcmp(argv[k], "--try") == 0 && count < MAX_SETTINGS) {
            pool[count] = pool[0];
            pool[count].id = count;
            apply_list(&pool[count++], argv[k + 1]);
        }
    read_systems(argv[1]);
    search(pool, count, rounds, seed, space != NULL);
    for (int k = 0; k < system_count; k++)
        printf("# lowest found: %s %s %.9f%s\n", systems[k].potential,
               systems[k].formula, systems[k].found,
               systems[k].found < systems[k].lowest - 1e-5 ? "  below the known" : "");
    for (int k = 0; k < system_count; k++)
        hop_potential_free(systems[k].handle);
    hop_model_free(model);
    hop_context_free(context);
    return 0;
}
