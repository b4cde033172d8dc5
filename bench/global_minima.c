/* Known global minima, found again: how often, and after how many evaluations.
 *
 *   global_minima SYSTEMS STATE [--only WORD] [--from N] [--to N] [--hits H] [--runs R]
 *                 [--per-atom C] [--seconds S] [--optimizer KIND] [--set NAME=VALUE,...]
 *   global_minima SYSTEMS STATE --report 1
 *
 * SYSTEMS  lines of potential, formula, lowest energy known, "proven" or "putative"
 * STATE    one line for each run that was made.  It is only appended to, so the program
 *          may be killed at any time and started again with the same command: it goes on
 *          as if it had never stopped, but for the run that was under way.
 *          STATE.d/ holds the lowest structure of every system.
 *
 * Run k of a system is a search from random start k with seed k, of at most C n^2
 * evaluations (default 1000).  It ends when it is within 0.001 (eV or epsilon) of the
 * known energy; for putative minima it goes on, so that lower ones can be found.  Next is
 * always the system on which the fewest seconds were spent among those with fewer than H
 * hits (default 10) and R runs (no limit).
 *
 * Mean evaluations to the first hit: all evaluations before the hits over the number of
 * hits; the interval is the central 95 % of 2000 bootstrap samples of the runs. */
#include <errno.h>
#include <hop.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SYSTEMS = 512, SAMPLES = 2000, LINE = 512 };
#define CLOSE 1e-3 /* a hit */
#define BELOW 1e-5 /* lower than the known energy */

typedef struct run {
    double calls; /* to the hit, or all */
    bool hit;
} run;

typedef struct entry {
    char potential[48], formula[48], status[16];
    double known, lowest, seconds, all_calls;
    size_t atoms;
    run *runs;
    int count, room, hits, negative;
} entry;

static hop_context *context;
static entry entries[MOST_SYSTEMS];
static int entry_count;
static char header[LINE];
static struct {
    const char *systems, *state, *only, *kind, *set;
    double from, to, hits, runs, per_atom, seconds;
    bool report;
} a = {.kind = "basin-hopping",
       .only = "",
       .set = "",
       .to = 1e9,
       .hits = 10,
       .runs = 1e9,
       .per_atom = 1000,
       .seconds = INFINITY};

static void stop(const char *where, const char *why) {
    fprintf(stderr, "global_minima: %s: %s\n", where, why);
    exit(1);
}

static void must(int status, const char *where) {
    if (status < 0)
        stop(where, hop_error_message(context));
}

static double cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- systems and state ---- */

static size_t atoms_of(const char *formula) {
    size_t sum = 0;
    for (const char *p = formula; *p;)
        if (*p >= '0' && *p <= '9')
            sum += strtoul(p, (char **)&p, 10);
        else
            p++;
    return sum;
}

static void read_systems(void) {
    char line[LINE];
    FILE *f = fopen(a.systems, "r");
    if (!f)
        stop(a.systems, strerror(errno));
    while (fgets(line, sizeof line, f)) {
        entry *e = &entries[entry_count];
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (sscanf(line, "%47s %47s %lf %15s", e->potential, e->formula, &e->known,
                   e->status) != 4)
            stop(a.systems, line);
        e->lowest = INFINITY;
        e->negative = -1;
        e->atoms = atoms_of(e->formula);
        if (++entry_count == MOST_SYSTEMS)
            stop(a.systems, "too many systems");
    }
    fclose(f);
}

static entry *find(const char *potential, const char *formula) {
    for (int k = 0; k < entry_count; k++)
        if (strcmp(entries[k].potential, potential) == 0 &&
            strcmp(entries[k].formula, formula) == 0)
            return &entries[k];
    return NULL;
}

static void add_run(entry *e, bool hit, double calls, double all, double energy,
                    int negative, double seconds) {
    if (e->count == e->room) {
        e->room = 2 * e->room + 16;
        e->runs = realloc(e->runs, (size_t)e->room * sizeof *e->runs);
        if (!e->runs)
            stop(e->formula, "out of memory");
    }
    e->runs[e->count++] = (run){calls, hit};
    e->hits += hit;
    e->all_calls += all;
    e->seconds += seconds;
    if (energy < e->lowest) {
        e->lowest = energy;
        e->negative = negative;
    }
}

/* A line that a kill has cut short is cut off. */
static void read_state(void) {
    char line[LINE], potential[48], formula[48];
    FILE *f = fopen(a.state, "r+");
    if (!f && errno == ENOENT && !a.report)
        return;
    if (!f)
        stop(a.state, strerror(errno));
    long whole = 0;
    for (int number = 0; fgets(line, sizeof line, f) && strchr(line, '\n'); number++) {
        int index, hit, negative;
        double calls, all, energy, seconds;
        whole = ftell(f);
        if (number == 0 && !a.report && strcmp(line, header) != 0)
            stop(a.state, "was made with other settings");
        if (number == 0)
            snprintf(header, sizeof header, "%s", line);
        if (line[0] == '#')
            continue;
        if (sscanf(line, "%47s %47s %d %d %lf %lf %lf %d %lf", potential, formula,
                   &index, &hit, &calls, &all, &energy, &negative, &seconds) != 9)
            stop(a.state, line);
        entry *e = find(potential, formula);
        if (e && index != e->count)
            stop(a.state, "runs are missing or out of order");
        if (e)
            add_run(e, hit != 0, calls, all, energy, negative, seconds);
    }
    if (!a.report && ftruncate(fileno(f), whole) != 0)
        stop(a.state, strerror(errno));
    fclose(f);
}

static void append(const char *line) {
    struct stat info;
    FILE *f = fopen(a.state, "a");
    if (!f)
        stop(a.state, strerror(errno));
    if (fstat(fileno(f), &info) == 0 && info.st_size == 0)
        fputs(header, f);
    fputs(line, f);
    if (fflush(f) != 0 || fsync(fileno(f)) != 0 || fclose(f) != 0)
        stop(a.state, strerror(errno));
}

/* ---- one run ---- */

typedef struct first {
    double target, calls; /* calls 0: not hit */
} first;

static int watch(void *user, const hop_progress *p) {
    first *hit = user;
    if (hit->calls == 0.0 && p->best_energy <= hit->target)
        hit->calls = (double)p->evaluations;
    return 0;
}

static void set_options(hop_optimizer *o) {
    char copy[LINE], *state = NULL;
    snprintf(copy, sizeof copy, "%s", a.set);
    for (char *t = strtok_r(copy, ",", &state); t; t = strtok_r(NULL, ",", &state)) {
        char *equals = strchr(t, '=');
        if (!equals)
            stop("--set", "expected NAME=VALUE");
        *equals = '\0';
        must(hop_optimizer_set(o, t, atof(equals + 1)), t);
    }
}

/* Relax to the last digit; how many modes are negative? */
static int refine(hop_structure *s, hop_potential *potential) {
    hop_optimizer *o;
    hop_scales scales = {.size = sizeof scales};
    must(hop_potential_scales(potential, hop_structure_numbers(s)[0], &scales),
         "scales");
    must(hop_optimizer_new(context, "lbfgs", s, potential, &o), "lbfgs");
    must(hop_optimizer_set(o, "fmax", 1e-8 * scales.energy / scales.length), "fmax");
    must(hop_optimizer_run(o, s, NULL, NULL), "lbfgs");
    hop_optimizer_free(o);
    hop_normal_modes modes = {.size = sizeof modes};
    must(hop_potential_evaluate(potential, s), "energy");
    double *frequencies = calloc(3 * hop_structure_count(s), sizeof *frequencies);
    if (!frequencies)
        stop("modes", "out of memory");
    must(hop_potential_normal_modes(potential, s, frequencies, NULL, &modes), "modes");
    free(frequencies);
    return (int)modes.negative;
}

static void keep(const entry *e, const hop_structure *s) {
    char path[LINE];
    snprintf(path, sizeof path, "%s.d", a.state);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        stop(path, strerror(errno));
    snprintf(path, sizeof path, "%s.d/%s-%s.xyz", a.state, e->potential, e->formula);
    must(hop_structure_write(&s, 1, path), path);
}

static void search(entry *e) {
    hop_potential *potential;
    hop_structure *s;
    hop_optimizer *o;
    const uint64_t seed = (uint64_t)e->count + 1;
    first hit = {.target = e->known + CLOSE};
    double began = cpu();
    must(hop_potential_builtin(context, e->potential, &potential), e->potential);
    must(hop_structure_random(context, e->formula, potential, seed, &s), e->formula);
    must(hop_optimizer_new(context, a.kind, s, potential, &o), a.kind);
    must(hop_optimizer_set(o, "seed", (double)seed), "seed");
    must(hop_optimizer_set(o, "quenches", 0), "quenches");
    must(hop_optimizer_set(o, "max_evaluations",
                           fmax(a.per_atom * (double)(e->atoms * e->atoms), 20000)),
         "max_evaluations");
    if (strcmp(e->status, "proven") == 0)
        must(hop_optimizer_set(o, "target", hit.target), "target");
    set_options(o);
    must(hop_optimizer_run(o, s, watch, &hit), e->formula);
    hop_progress p = {.size = sizeof p};
    must(hop_optimizer_progress(o, &p), "progress");
    double seconds = cpu() - began, all = (double)p.evaluations;
    int negative = refine(s, potential);
    double energy = *hop_structure_energy(s);
    if (energy < e->lowest)
        keep(e, s);
    char line[LINE];
    snprintf(line, sizeof line, "%s %s %d %d %.0f %.0f %.9f %d %.3f\n", e->potential,
             e->formula, e->count, hit.calls > 0.0, hit.calls > 0.0 ? hit.calls : all,
             all, energy, negative, seconds);
    append(line);
    add_run(e, hit.calls > 0.0, hit.calls > 0.0 ? hit.calls : all, all, energy,
            negative, seconds);
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
}

static bool wanted(const entry *e) {
    return strstr(e->potential, a.only) && (double)e->atoms >= a.from &&
           (double)e->atoms <= a.to && e->hits < a.hits && e->count < a.runs;
}

static entry *next(void) {
    entry *least = NULL;
    for (int k = 0; k < entry_count; k++)
        if (wanted(&entries[k]) && (!least || entries[k].seconds < least->seconds))
            least = &entries[k];
    return least;
}

/* ---- report ---- */

static double mean_to_hit(const entry *e, uint64_t *random) {
    double calls = 0.0, hits = 0.0;
    for (int k = 0; k < e->count; k++) {
        int chosen = k;
        if (random) {
            *random = *random * 6364136223846793005u + 1442695040888963407u;
            chosen = (int)((*random >> 33) % (uint64_t)e->count);
        }
        calls += e->runs[chosen].calls;
        hits += e->runs[chosen].hit;
    }
    return hits > 0.0 ? calls / hits : INFINITY;
}

static int rising(const void *x, const void *y) {
    const double *p = x, *q = y;
    return (*p > *q) - (*p < *q);
}

static void report_one(const entry *e) {
    double sample[SAMPLES];
    uint64_t random = 1;
    for (int k = 0; k < SAMPLES; k++)
        sample[k] = mean_to_hit(e, &random);
    qsort(sample, SAMPLES, sizeof *sample, rising);
    printf("| %s | %s | %.6f | %.6f | %d/%d |", e->potential, e->formula, e->known,
           e->lowest, e->hits, e->count);
    if (e->hits > 0)
        printf(" %.3g | %.3g - %.3g |", mean_to_hit(e, NULL), sample[SAMPLES / 40],
               sample[SAMPLES - 1 - SAMPLES / 40]);
    else
        printf(" > %.3g | |", e->all_calls);
    printf(" %.1f | %s |\n", e->seconds,
           e->lowest < e->known - BELOW
               ? e->negative == 0 ? "LOWER, no negative modes" : "LOWER, a saddle"
           : e->hits > 0 ? ""
                         : "not found");
}

static void report(void) {
    int tried = 0, found = 0, lower = 0;
    printf("%s\n", header);
    printf(
        "| potential | system | known | lowest found | hits/runs | evaluations to hit "
        "| 95 %% | CPU s | |\n|-|-|-|-|-|-|-|-|-|\n");
    for (int k = 0; k < entry_count; k++) {
        const entry *e = &entries[k];
        if (e->count == 0 || !strstr(e->potential, a.only))
            continue;
        report_one(e);
        tried++;
        found += e->hits > 0;
        lower += e->lowest < e->known - BELOW;
    }
    printf("\n%d of %d found, %d lower than known\n", found, tried, lower);
}

/* ---- main ---- */

static void parse(int argc, char **argv) {
    if (argc < 3 || argc % 2 == 0)
        stop("usage", "global_minima SYSTEMS STATE [--NAME VALUE] ...");
    a.systems = argv[1];
    a.state = argv[2];
    for (int k = 3; k < argc; k += 2) {
        const char *name = argv[k], *value = argv[k + 1];
        const struct {
            const char *name;
            double *number;
            const char **text;
        } known[] = {{"--only", NULL, &a.only},      {"--optimizer", NULL, &a.kind},
                     {"--set", NULL, &a.set},        {"--from", &a.from, NULL},
                     {"--to", &a.to, NULL},          {"--hits", &a.hits, NULL},
                     {"--runs", &a.runs, NULL},      {"--per-atom", &a.per_atom, NULL},
                     {"--seconds", &a.seconds, NULL}};
        size_t m = 0, count = sizeof known / sizeof *known;
        a.report |= strcmp(name, "--report") == 0;
        while (m < count && strcmp(name, known[m].name) != 0)
            m++;
        if (m == count && strcmp(name, "--report") != 0)
            stop(name, "unknown");
        if (m < count && known[m].text)
            *known[m].text = value;
        else if (m < count)
            *known[m].number = atof(value);
    }
}

int main(int argc, char **argv) {
    must(hop_context_new(NULL, &context), "context");
    parse(argc, argv);
    snprintf(header, sizeof header, "# %s %s, %g n^2 evaluations a run\n", a.kind,
             *a.set ? a.set : "as it is", a.per_atom);
    read_systems();
    read_state();
    entry *e;
    double spent = 0.0, before = cpu();
    while (!a.report && spent < a.seconds && (e = next())) {
        search(e);
        spent = cpu() - before;
    }
    if (a.report)
        report();
    for (int k = 0; k < entry_count; k++)
        free(entries[k].runs);
    hop_context_free(context);
    return 0;
}
