/* What the parts of `make bench` share.
 *
 * A contender is one program's way to evaluate one potential.  It lives in a process of
 * its own, is asked over a pipe for bursts of calls, times them itself and sleeps in
 * between. So contenders share no memory, no threads and no library versions, and one
 * that dies takes nothing with it. */
#ifndef BENCH_POTENTIALS_H
#define BENCH_POTENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kind { GUPTA, STILLINGER_WEBER, LENNARD_JONES } kind;
typedef enum task_kind { FORCES, REBUILD, HESSIAN, TASKS } task_kind;

/* Atoms and the potential that is evaluated on them. */
typedef struct problem {
    char name[32];
    kind kind;
    const char *potential; /* built-in name, or a path when it holds a '/' */
    bool periodic;         /* in an orthogonal box from the origin */
    double box[3];
    double cutoff;      /* infinite: all pairs */
    double skin;        /* every program's list is built with it */
    double unit;        /* of a force; agreement is asked relative to it */
    int species;        /* 1 or 2 */
    int32_t numbers[2]; /* atomic number of each species */
    size_t count;
    int32_t *species_of; /* count: 0 or 1 */
    double *x;           /* 3 * count */
} problem;

/* Shared between the bench and a contender's process. */
typedef struct result {
    bool ready;    /* energy and forces are there */
    char why[400]; /* if not */
    double energy;
    size_t heap;     /* bytes it asked its allocator for, 0 when unknown */
    size_t resident; /* growth of its resident memory */
    double forces[]; /* 3 * count */
} result;

typedef struct timing {
    double wall, processor; /* seconds for one call */
} timing;

typedef struct contender contender;
struct contender {
    char name[48];
    int threads;
    int variant;         /* meaning is the maker's */
    const char *library; /* LAMMPS: path of the shared object */
    bool approximate;    /* mixed precision or rounded parameters: shown, not judged */
    /* In the contender's process: make everything and evaluate once into `out`; NULL,
       with the reason in out->why, when it cannot. */
    void *(*prepare)(const contender *c, const problem *p, result *out);
    /* Time `calls` calls; false when it has no such task. */
    bool (*burst)(void *state, task_kind task, long calls, timing *per_call);
};

/* potentials_problems.c */
void problem_gupta_cluster(problem *p, size_t count, int species);
void problem_gupta_bulk(problem *p, int cells, int species);
void problem_silicon(problem *p, int cells);
void problem_lj_cluster(problem *p);
void problem_lj_bulk(problem *p, int cells, const char *potential);
void problem_free(problem *p);

/* potentials_hop.c, potentials_reference.c, potentials_lammps.c: write the contenders
   there are for a problem, return how many.  Few: only the fastest of each, for large
   systems. */
int hop_contenders(const problem *p, contender *to);
int reference_contenders(const problem *p, contender *to);
int lammps_contenders(const problem *p, contender *to);

/* Look for LAMMPS; `work` is a directory for its log files, `native` where a build from
   LAMMPS_SOURCE may be.  Then: one line for each program looked for, NULL past the end.
 */
void lammps_find(const char *work, const char *native);
const char *lammps_found(int index);

/* potentials_process.c */
typedef struct stopwatch {
    double wall, processor; /* of the whole process */
} stopwatch;
stopwatch stopwatch_start(void);
timing stopwatch_read(stopwatch start, long calls);
size_t resident_bytes(void);
void *refuse(result *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

typedef struct worker {
    const contender *contender;
    result *result;
    int pid, ask, answer; /* pid 0: not running */
} worker;
/* Start the process and wait until it has evaluated once. */
void worker_start(worker *w, const contender *c, const problem *p);
/* One burst; false, with result->why set if the process is lost. */
bool worker_burst(worker *w, task_kind task, long calls, timing *per_call);
void worker_stop(worker *w, const problem *p);

#endif
