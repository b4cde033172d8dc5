/* potentials [--rounds N] [--burst MS] [--only TEXT] [--quick] [--work DIR] [--native
 * DIR]
 *            [--json FILE]
 *
 * Times libhop and every peer it finds on the same structures, in alternating bursts,
 * and checks that they agree.  bench/README.md says how to read what it prints. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "hop.h"
#include "potentials.h"
#include "potentials_report.h"

#define MOST 32 /* contenders */

typedef struct options {
    int rounds;
    double burst; /* seconds */
    bool quick;
    const char *only, *work, *native, *json;
} options;

/* ---- agreement ---- */

static void compare(const problem *p, const worker *w, const worker *hop, row *r) {
    double force = 0.0;
    for (size_t k = 0; k < 3 * p->count; k++) {
        double d = fabs(w->result->forces[k] - hop->result->forces[k]);
        force = d <= force ? force : d; /* keeps NaN */
    }
    r->force_difference = force;
    r->energy_difference = w->result->energy - hop->result->energy;
    bool approximate = w->contender->approximate;
    r->agrees = force <= (approximate ? 1e-2 : 1e-9) * p->unit &&
                fabs(r->energy_difference) <=
                    (approximate ? 1e-3 : 1e-11) * fabs(hop->result->energy);
}

/* ---- timing ---- */

/* Calls for a burst of about `seconds`; 0 when the contender has no such task. */
static long calls_for(worker *w, task_kind task, double seconds) {
    long calls = 1;
    timing t;
    for (int tries = 0; tries < 30; tries++) {
        if (!worker_burst(w, task, calls, &t))
            return 0;
        double took = t.wall * (double)calls;
        if (took >= 0.5 * seconds)
            break;
        calls = took > 0.02 * seconds ? (long)(calls * seconds / took) + 1 : 8 * calls;
    }
    double wanted = seconds / t.wall;
    return wanted < 1.0 ? 1 : (long)(wanted + 0.5);
}

/* Alternating bursts, each round beginning with another contender. */
static void time_task(worker *w, row *rows, int count, task_kind task, bool large,
                      const options *o) {
    long calls[MOST];
    int rounds = large && o->rounds > 5 ? 5 : o->rounds;
    for (int k = 0; k < count; k++) {
        bool wanted = task == FORCES || w[k].contender->threads == 1;
        /* time for the system to find a processor for each thread */
        double burst = w[k].contender->threads == 1 ? o->burst : 10.0 * o->burst;
        calls[k] = wanted ? calls_for(&w[k], task, burst) : 0;
        rows[k].rounds[task] = 0;
    }
    for (int round = 0; round < rounds; round++)
        for (int k = 0; k < count; k++) {
            int at = (k + round) % count;
            timing t;
            if (calls[at] > 0 && worker_burst(&w[at], task, calls[at], &t))
                rows[at].timings[task][rows[at].rounds[task]++] = t;
        }
    for (int k = 0; k < count; k++)
        if (rows[k].rounds[task] < rounds)
            rows[k].rounds[task] = 0;
}

static void measure(const problem *p, const options *o, report *out) {
    contender contenders[MOST];
    worker workers[MOST];
    row rows[MOST];
    int count = hop_contenders(p, contenders), running = 0;
    count += reference_contenders(p, contenders + count);
    count += lammps_contenders(p, contenders + count);
    const bool large = p->count > 20000;
    memset(rows, 0, sizeof rows);
    report_problem(out, p);
    for (int k = 0; k < count; k++) {
        worker *w = &workers[running];
        row *r = &rows[running];
        worker_start(w, &contenders[k], p);
        if (!w->result->ready) {
            report_missing(out, &contenders[k], w->result->why);
            worker_stop(w, p);
            if (k == 0)
                return;
            continue;
        }
        r->contender = &contenders[k];
        r->heap = w->result->heap;
        r->resident = w->result->resident;
        compare(p, w, &workers[0], r);
        running++;
    }
    time_task(workers, rows, running, FORCES, large, o);
    if (p->periodic)
        time_task(workers, rows, running, REBUILD, large, o);
    time_task(workers, rows, running < 1 ? running : 1, HESSIAN, large, o);
    report_rows(out, p, rows, running);
    for (int k = 0; k < running; k++)
        worker_stop(&workers[k], p);
}

/* ---- what is measured ---- */

typedef void (*maker)(problem *p, int size, int species);

static void gupta_cluster(problem *p, int size, int species) {
    problem_gupta_cluster(p, (size_t)size, species);
}
static void silicon(problem *p, int size, int species) {
    (void)species;
    problem_silicon(p, size);
}
static void lj_cluster(problem *p, int size, int species) {
    (void)size, (void)species;
    problem_lj_cluster(p);
}
static char lj_file[300];
static void lj_bulk(problem *p, int size, int species) {
    (void)species;
    problem_lj_bulk(p, size, lj_file);
}

static const struct {
    maker make;
    int size, species;
    bool quick;
} problems[] = {{gupta_cluster, 13, 1, true},
                {gupta_cluster, 38, 1, true},
                {gupta_cluster, 55, 1, false},
                {gupta_cluster, 147, 1, true},
                {gupta_cluster, 309, 1, false},
                {gupta_cluster, 561, 1, false},
                {gupta_cluster, 13, 2, false},
                {gupta_cluster, 38, 2, true},
                {gupta_cluster, 55, 2, false},
                {gupta_cluster, 147, 2, false},
                {gupta_cluster, 309, 2, false},
                {gupta_cluster, 561, 2, false},
                {problem_gupta_bulk, 10, 1, true},
                {problem_gupta_bulk, 20, 1, false},
                {problem_gupta_bulk, 10, 2, false},
                {problem_gupta_bulk, 20, 2, false},
                {silicon, 2, 1, true},
                {silicon, 4, 1, true},
                {silicon, 8, 1, true},
                {silicon, 16, 1, false},
                {silicon, 32, 1, false},
                {silicon, 50, 1, false},
                {lj_cluster, 38, 1, true},
                {lj_bulk, 10, 1, true},
                {lj_bulk, 20, 1, false}};

static bool write_lj_file(const char *work) {
    snprintf(lj_file, sizeof lj_file, "%s/truncated.lj", work);
    FILE *f = fopen(lj_file, "w");
    if (!f)
        return false;
    fputs("# UNITS: lj CITATION: Jones, Proc. R. Soc. Lond. A 106, 463 (1924)\n"
          "X X 1.0 1.0 2.5 truncate\n",
          f);
    return fclose(f) == 0;
}

static int usage(void) {
    fprintf(stderr,
            "potentials [--rounds N] [--burst MILLISECONDS] [--only TEXT] [--quick]\n"
            "           [--work DIR] [--native DIR] [--json FILE]\n");
    return 2;
}

static bool parse(int argc, char **argv, options *o) {
    *o = (options){.rounds = 11,
                   .burst = 0.003,
                   .work = "build/bench",
                   .native = "build/bench/lammps",
                   .json = "build/bench/potentials.json"};
    for (int k = 1; k < argc; k++) {
        if (strcmp(argv[k], "--quick") == 0) {
            o->quick = true;
            continue;
        }
        const char *name = argv[k], *value = ++k < argc ? argv[k] : NULL;
        if (!value)
            return false;
        if (strcmp(name, "--rounds") == 0)
            o->rounds = atoi(value);
        else if (strcmp(name, "--burst") == 0)
            o->burst = 1e-3 * atof(value);
        else if (strcmp(name, "--only") == 0)
            o->only = value;
        else if (strcmp(name, "--work") == 0)
            o->work = value;
        else if (strcmp(name, "--native") == 0)
            o->native = value;
        else if (strcmp(name, "--json") == 0)
            o->json = value;
        else
            return false;
    }
    return o->rounds >= 1 && o->rounds <= ROUNDS && o->burst > 0.0 && o->burst < 10.0;
}

int main(int argc, char **argv) {
    options o;
    report out;
    if (!parse(argc, argv, &o))
        return usage();
    signal(SIGPIPE, SIG_IGN);
    setenv("OMP_NUM_THREADS", "1", 1);
    if (!write_lj_file(o.work) || !report_open(&out, o.json, o.rounds, o.burst)) {
        perror("potentials");
        return 2;
    }
    lammps_find(o.work, o.native);
    report_peers(&out);
    for (size_t k = 0; k < sizeof problems / sizeof *problems; k++) {
        problem p;
        if (o.quick && !problems[k].quick)
            continue;
        problems[k].make(&p, problems[k].size, problems[k].species);
        if (!o.only || strstr(p.name, o.only))
            measure(&p, &o, &out);
        problem_free(&p);
    }
    return report_close(&out) ? 0 : 1;
}
