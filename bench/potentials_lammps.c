/* LAMMPS as a contender, through its C library interface, opened at run time.
 *
 * Its own breakdown gives the time: `run N` with energies wanted on every step,
 * positions that do not move and lists that are not rebuilt; the row "Pair" of what it
 * prints at the end is the force call without output, communication of ghosts, checks
 * and set-up.  Rows are wall time.  A run of a small system that lost the processor is
 * repeated; for large ones the rows share out the processor time of the steps.  A
 * rebuild is what a step takes more when lists are rebuilt on every step. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "potentials.h"

#define HUGE_COUNT 100000 /* here only the fastest of a kind */
#define KIM_MODEL "SW_StillingerWeber_1985_Si__MO_405512056662_005"

enum { PLAIN, SINGLE, KIM, OMP, INTEL, INTEL_MIXED };

typedef struct interface {
    void *(*open)(int argc, char **argv, void **out);
    char *(*command)(void *lmp, const char *line);
    void (*create)(void *lmp, int n, int *id, int *type, double *x, double *v,
                   int *image, int shrink);
    void (*gather)(void *lmp, char *name, int type, int count, void *data);
    double (*thermo)(void *lmp, const char *name);
    int (*has_style)(void *lmp, const char *category, const char *name);
    int (*has_package)(const char *name);
    int (*version)(void *lmp);
    int (*has_error)(void *lmp);
    int (*error)(void *lmp, char *buffer, int size);
} interface;

typedef struct state {
    interface api;
    void *lmp;
    char log[4200];
    bool rebuilding, large, huge;
    double calm, part; /* the force call's part of a step, where least was lost */
} state;

/* One LAMMPS library on this machine. */
typedef struct installation {
    const char *name;
    char path[512], about[700];
    bool usable, has[6]; /* by variant */
} installation;

enum { SYSTEM, NATIVE, SIMD, GIVEN, INSTALLATIONS };
static installation found[INSTALLATIONS];
static char work[4096], silicon[4096]; /* absolute: contenders go to `work`, where KIM
                                          leaves a log */

/* ---- the library ---- */

static bool bind(interface *api, const char *path, char *why, size_t size) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(why, size, "%s", dlerror());
        return false;
    }
    const struct {
        void *slot;
        const char *name;
    } symbols[] = {{&api->open, "lammps_open_no_mpi"},
                   {&api->command, "lammps_command"},
                   {&api->create, "lammps_create_atoms"},
                   {&api->gather, "lammps_gather_atoms"},
                   {&api->thermo, "lammps_get_thermo"},
                   {&api->has_style, "lammps_has_style"},
                   {&api->has_package, "lammps_config_has_package"},
                   {&api->version, "lammps_version"},
                   {&api->has_error, "lammps_has_error"},
                   {&api->error, "lammps_get_last_error_message"}};
    for (size_t k = 0; k < sizeof symbols / sizeof *symbols; k++) {
        void *symbol = dlsym(handle, symbols[k].name);
        if (!symbol) {
            snprintf(why, size, "%s lacks %s", path, symbols[k].name);
            return false;
        }
        memcpy(symbols[k].slot, &symbol, sizeof symbol);
    }
    return true;
}

static bool start(state *s, const char *path, char *why, size_t size) {
    char *arguments[] = {"lammps", "-screen", "none", "-log", s->log, "-nocite", NULL};
    snprintf(s->log, sizeof s->log, "%s/lammps-%ld.log", work, (long)getpid());
    if (!bind(&s->api, path, why, size))
        return false;
    s->lmp = s->api.open(6, arguments, NULL);
    if (!s->lmp)
        snprintf(why, size, "lammps_open_no_mpi gave nothing");
    return s->lmp != NULL;
}

/* ---- looking for it ---- */

static void look_at(installation *i) {
    state s = {.lmp = NULL};
    if (!start(&s, i->path, i->about, sizeof i->about))
        return;
    static const struct {
        int variant;
        const char *style;
    } styles[] = {{SINGLE, "smatb/single"},
                  {KIM, "kim"},
                  {OMP, "sw/omp"},
                  {INTEL, "sw/intel"},
                  {INTEL_MIXED, "sw/intel"}};
    i->has[PLAIN] = s.api.has_style(s.lmp, "pair", "sw");
    for (size_t k = 0; k < sizeof styles / sizeof *styles; k++)
        i->has[styles[k].variant] = s.api.has_style(s.lmp, "pair", styles[k].style);
    i->usable = true;
    snprintf(i->about, sizeof i->about, "version %d, %s; pair styles:%s%s%s%s%s",
             s.api.version(s.lmp), i->path, i->has[PLAIN] ? " sw" : "",
             i->has[OMP] ? " sw/omp" : "", i->has[INTEL] ? " sw/intel" : "",
             i->has[SINGLE] ? " smatb" : ", not smatb",
             i->has[KIM] ? " kim" : ", not kim");
    remove(s.log);
}

/* In a process of its own: a library that ends it must not end the bench. */
static void *prepare_look(const contender *c, const problem *p, result *out) {
    (void)p;
    installation *i = &found[c->variant];
    look_at(i);
    memcpy(out->forces, i, sizeof *i);
    return found;
}

static void look_for(int which) {
    const contender c = {.name = "look", .variant = which, .prepare = prepare_look};
    const problem p = {.count = sizeof(installation) / sizeof(double) + 1};
    worker w;
    const char *name = found[which].name;
    worker_start(&w, &c, &p);
    if (w.result->ready)
        memcpy(&found[which], w.result->forces, sizeof found[which]);
    else
        snprintf(found[which].about, sizeof found[which].about, "%s", w.result->why);
    found[which].name = name;
    worker_stop(&w, &p);
}

/* An absolute path where there is such a file. */
static void place(installation *i, const char *directory, const char *file) {
    char whole[4096];
    snprintf(i->path, sizeof i->path, "%s%s", directory, file);
    if (i->path[0] && realpath(i->path, whole))
        snprintf(i->path, sizeof i->path, "%.*s", (int)sizeof i->path - 1, whole);
}

void lammps_find(const char *work_directory, const char *native) {
    const char *given = getenv("LAMMPS_LIBRARY");
    if (!realpath(work_directory, work) || !realpath("potentials/Si.sw", silicon))
        snprintf(work, sizeof work, ".");
    found[SYSTEM].name = "LAMMPS";
    found[NATIVE].name = "LAMMPS native";
    found[SIMD].name = "LAMMPS native, SIMD";
    found[GIVEN].name = "LAMMPS given";
    snprintf(found[SYSTEM].path, sizeof found->path, "liblammps.so.0");
    place(&found[NATIVE], native, "/liblammps.so");
    place(&found[SIMD], native, "/liblammps_simd.so");
    place(&found[GIVEN], given ? given : "", "");
    for (int k = 0; k < INSTALLATIONS; k++)
        if (k == SYSTEM || access(found[k].path, R_OK) == 0)
            look_for(k);
        else if (found[k].path[0])
            snprintf(found[k].about, sizeof found[k].about, "there is no %.500s%s",
                     found[k].path, k == GIVEN ? "" : "; set LAMMPS_SOURCE");
        else
            snprintf(found[k].about, sizeof found[k].about,
                     "LAMMPS_LIBRARY is not set");
}

const char *lammps_found(int index) {
    static char line[800];
    if (index >= INSTALLATIONS)
        return NULL;
    snprintf(line, sizeof line, "%s: %s%s", found[index].name,
             found[index].usable ? "found, " : "not found: ", found[index].about);
    return line;
}

/* ---- one calculation ---- */

static bool failed(state *s, result *out, const char *line) {
    char message[300] = "";
    if (!s->api.has_error(s->lmp))
        return false;
    s->api.error(s->lmp, message, sizeof message);
    message[strcspn(message, "\n")] = 0;
    refuse(out, "'%s': %s", line, message);
    return true;
}

static bool command(state *s, result *out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool command(state *s, result *out, const char *format, ...) {
    char line[5000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    s->api.command(s->lmp, line);
    return !failed(s, out, line);
}

static bool make_box(state *s, const problem *p, result *out) {
    double low[3], high[3];
    for (size_t c = 0; c < 3; c++) {
        low[c] = 0.0;
        high[c] = p->box[c];
        for (size_t i = 0; i < p->count && !p->periodic; i++) {
            double x = p->x[3 * i + c];
            low[c] = x < low[c] ? x : low[c];
            high[c] = x > high[c] ? x : high[c];
        }
        low[c] -= p->periodic ? 0.0 : 5.0;
        high[c] += p->periodic ? 0.0 : 5.0;
    }
    return command(s, out, "region all block %.17g %.17g %.17g %.17g %.17g %.17g",
                   low[0], high[0], low[1], high[1], low[2], high[2]) &&
           command(s, out, "create_box %d all", p->species);
}

static bool make_atoms(state *s, const problem *p, result *out) {
    int *type = malloc(p->count * sizeof *type), *id = malloc(p->count * sizeof *id);
    for (size_t i = 0; i < p->count; i++) {
        type[i] = p->species_of[i] + 1;
        id[i] = (int)i + 1;
    }
    s->api.create(s->lmp, (int)p->count, id, type, p->x, NULL, NULL, 0);
    free(type);
    free(id);
    return !failed(s, out, "create atoms");
}

static bool gupta(state *s, const contender *c, const problem *p, result *out) {
    char window[64];
    double end = p->cutoff, start = 4.09004704374;
    if (!p->periodic) { /* beyond the largest cluster */
        start = 60.0;
        end = 61.0;
    }
    snprintf(window, sizeof window, "%.17g %.17g", start, end);
    const char *silver = "2.8921 10.85 3.18 0.1031 1.1895";
    if (c->variant == SINGLE)
        return command(s, out, "pair_style smatb/single") &&
               command(s, out, "pair_coeff 1 1 %s %s", silver, window);
    if (!command(s, out, "pair_style smatb") ||
        !command(s, out, "pair_coeff 1 1 %s %s", silver, window))
        return false;
    return p->species == 1 ||
           (command(s, out, "pair_coeff 2 2 2.885 10.139 4.033 0.2096 1.8153 %s",
                    window) &&
            command(s, out, "pair_coeff 1 2 2.8885 10.494 3.607 0.1488 1.4874 %s",
                    window));
}

static bool stillinger_weber(state *s, const contender *c, result *out) {
    const char *style = c->variant == OMP ? "sw/omp" : "sw";
    if (c->variant == KIM)
        return command(s, out, "pair_style kim " KIM_MODEL) &&
               command(s, out, "pair_coeff * * Si");
    if (c->variant == INTEL || c->variant == INTEL_MIXED)
        style = "sw/intel";
    return command(s, out, "pair_style %s", style) &&
           command(s, out, "pair_coeff * * %s Si", silicon);
}

static bool pair(state *s, const contender *c, const problem *p, result *out) {
    if (p->kind == GUPTA)
        return gupta(s, c, p, out);
    if (p->kind == STILLINGER_WEBER)
        return stillinger_weber(s, c, out);
    return command(s, out, "pair_style lj/cut %.17g", p->periodic ? p->cutoff : 60.0) &&
           command(s, out, "pair_coeff 1 1 1.0 1.0");
}

static bool package(state *s, const contender *c, result *out) {
    if (c->variant == OMP)
        return command(s, out, "package omp %d", c->threads);
    if (c->variant == INTEL || c->variant == INTEL_MIXED)
        return command(s, out, "package intel 0 mode %s omp %d",
                       c->variant == INTEL ? "double" : "mixed", c->threads) &&
               command(s, out, "suffix intel");
    return true;
}

static bool make(state *s, const contender *c, const problem *p, result *out) {
    if (!package(s, c, out) ||
        !command(s, out, "units %s", p->kind == LENNARD_JONES ? "lj" : "metal") ||
        !command(s, out, "atom_style atomic") ||
        !command(s, out, "atom_modify map array") ||
        !command(s, out, p->periodic ? "boundary p p p" : "boundary f f f") ||
        !make_box(s, p, out) || !make_atoms(s, p, out) ||
        !command(s, out, "mass * 1.0") || !pair(s, c, p, out))
        return false;
    s->large = p->count >= 512;
    s->huge = p->count >= HUGE_COUNT;
    return command(s, out, "neighbor %.17g bin", p->skin) &&
           command(s, out, "neigh_modify every 1000000 delay 1000000 check no") &&
           command(s, out, "thermo_style custom step pe") &&
           command(s, out, "thermo_modify norm no") && command(s, out, "thermo 1") &&
           command(s, out, "run 0 post no");
}

static void *prepare(const contender *c, const problem *p, result *out) {
    state *s = calloc(1, sizeof *s);
    size_t before = resident_bytes();
    if (chdir(work) != 0)
        return refuse(out, "cannot go to %s", work);
    if (!start(s, c->library, out->why, sizeof out->why) || !make(s, c, p, out))
        return NULL;
    out->resident = resident_bytes() - before;
    out->energy = s->api.thermo(s->lmp, "pe");
    s->api.gather(s->lmp, "f", 1, 3, out->forces);
    return s;
}

/* Seconds in the row `name | minimum | average | ...` of the breakdown in the log file;
   of the line "Loop time of ...". */
static bool read_row(const state *s, const char *name, double *seconds) {
    char line[512];
    bool there = false;
    FILE *f = fopen(s->log, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            there = sscanf(line, "Loop time of %lf", seconds) == 1 ||
                    sscanf(line, "%*[A-Za-z ]| %*f | %lf", seconds) == 1 || there;
    if (f)
        fclose(f);
    return there;
}

/* Rebuild lists on every step, or never. */
static bool set_rebuilding(state *s, bool on, result *none) {
    if (s->rebuilding == on)
        return true;
    s->rebuilding = on;
    int every = on ? 1 : 1000000;
    return command(s, none, "neigh_modify every %d delay %d check no", every,
                   on ? 0 : every) &&
           command(s, none, "run 0 post no");
}

typedef struct breakdown {
    double loop, pair, fixes; /* seconds in all steps */
    timing whole;             /* of the command */
} breakdown;

static bool run(state *s, long steps, result *none, breakdown *b) {
    if (!command(s, none, "log %s", s->log))
        return false;
    stopwatch watch = stopwatch_start();
    bool done = command(s, none, "run %ld pre no post yes", steps);
    b->whole = stopwatch_read(watch, 1);
    done = done && command(s, none, "log none");
    if (done && steps > 0)
        done = read_row(s, "Loop", &b->loop) && read_row(s, "Pair", &b->pair) &&
               read_row(s, "Modify", &b->fixes);
    remove(s->log);
    return done;
}

/* Threads and the Intel package do part of the force call in a fix. */
static bool small_forces(state *s, long calls, result *none, timing *per_call) {
    double best = 0.0;
    bool done = true;
    for (int tries = 0; done && tries < 10 && best < 0.98; tries++) {
        breakdown b;
        if (tries > 0) /* who has slept is less likely to be interrupted */
            nanosleep(&(struct timespec){0, 5000000}, NULL);
        done = run(s, calls, none, &b);
        double share = b.whole.processor / b.whole.wall, row = b.pair + b.fixes;
        if (done && share > best) {
            best = share;
            *per_call = (timing){row / (double)calls,
                                 row / (double)calls * (share < 1.0 ? share : 1.0)};
        }
    }
    return done;
}

/* A run of no steps is what `run` does before the first; one more brings everything
   into the caches.  Differences want several steps. */
static bool large_forces(state *s, long calls, result *none, timing *per_call) {
    breakdown empty, b;
    calls += s->huge ? 1 : 3;
    if (!run(s, 0, none, &empty) || !run(s, 0, none, &empty) ||
        !run(s, calls, none, &b))
        return false;
    double row = b.pair + b.fixes, calm = b.whole.processor / b.whole.wall;
    if (calm > s->calm) {
        s->calm = calm;
        s->part = row / b.loop;
    }
    double steps = b.whole.processor - empty.whole.processor;
    *per_call = (timing){row / (double)calls, s->part * steps / (double)calls};
    return true;
}

static bool rebuilds(state *s, long calls, result *none, timing *per_call) {
    breakdown without, with;
    calls += s->huge ? 1 : 3;
    if (!set_rebuilding(s, false, none) || !run(s, calls, none, &without) ||
        !set_rebuilding(s, true, none) || !run(s, calls, none, &with))
        return false;
    *per_call =
        (timing){(with.whole.wall - without.whole.wall) / (double)calls,
                 (with.whole.processor - without.whole.processor) / (double)calls};
    return true;
}

static bool burst(void *opaque, task_kind task, long calls, timing *per_call) {
    state *s = opaque;
    result *none = calloc(1, sizeof *none);
    bool done = none && task != HESSIAN;
    if (done && task == REBUILD)
        done = rebuilds(s, calls, none, per_call);
    else if (done)
        done = set_rebuilding(s, false, none) &&
               (s->large ? large_forces : small_forces)(s, calls, none, per_call);
    free(none);
    return done;
}

/* ---- which there are ---- */

static int add(contender *to, int count, int which, int variant, int threads,
               const char *name) {
    const installation *i = &found[which];
    if (!i->usable || !i->has[variant])
        return count;
    to[count] = (contender){.threads = threads,
                            .variant = variant,
                            .library = i->path,
                            .prepare = prepare,
                            .burst = burst,
                            .approximate = variant == INTEL_MIXED || variant == KIM};
    snprintf(to[count].name, sizeof to->name, "%s %s%s", i->name, name,
             threads > 1 ? " 2 threads" : "");
    return count + 1;
}

int lammps_contenders(const problem *p, contender *to) {
    int count = 0;
    if (p->count > 300000)
        return 0;
    for (int k = 0; k < INSTALLATIONS; k++) {
        if (p->kind == GUPTA) {
            if (!found[k].has[SINGLE] || k == SIMD)
                continue;
            count = add(to, count, k, PLAIN, 1, "smatb");
            if (p->species == 1)
                count = add(to, count, k, SINGLE, 1, "smatb/single");
        } else if (p->kind == LENNARD_JONES && k != SIMD) {
            count = add(to, count, k, PLAIN, 1, "lj/cut");
        } else if (p->kind == STILLINGER_WEBER) {
            const bool few = p->count >= HUGE_COUNT, plain = k != SIMD;
            count = plain ? add(to, count, k, PLAIN, 1, "sw") : count;
            count = plain && !few ? add(to, count, k, KIM, 1, "KIM SW") : count;
            count = plain && !few ? add(to, count, k, OMP, 1, "sw/omp") : count;
            count = add(to, count, k, INTEL, 1, "sw/intel");
            count = !few ? add(to, count, k, INTEL_MIXED, 1, "sw/intel mixed") : count;
            count = p->count >= 512 ? add(to, count, k, INTEL, 2, "sw/intel") : count;
        }
    }
    return count;
}
