/* hop-train: meta-train a learned optimizer. */
#include <argp.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/common.h"
#include "common/recipe.h"

#define DEFAULT_METHOD "tbptt"

static struct {
    const char *tasks, *output, *method, *from;
    bool recipe, resume, json, list;
    double time, interval;
    int threads;
    const char *option[64];
    int options;
} a = {.interval = 30.0, .threads = 2};

/* What is trained now: all there is, or a stage of a recipe. */
static struct {
    const char *method, *tasks, *from;
    const stage *stage; /* NULL: none */
    char output[4096], checkpoint[4112];
    double began;    /* the first */
    int64_t printed; /* update of the last line: the end may follow upon it at once */
} job;

static const struct argp_option options[] = {
    {"method", 'm', "NAME", 0,
     "Training method: tbptt (default; teaches the descent), policy (hops), abandon "
     "(when to end a quench), recall (shapes to begin from); tbptt-continuous, esmc, "
     "nres or ga (the continuous optimizer)",
     0},
    {"recipe", 'R', 0, 0,
     "TASKS is a recipe: lines of method, task file and options, trained one after the "
     "other",
     0},
    {"from", 'f', "MODEL", 0, "Begin with the networks and shapes of a model", 0},
    {"output", 'o', "MODEL.h5", 0, "Model to write", 0},
    {"resume", 'r', 0, 0, "Continue from MODEL.h5.checkpoint", 0},
    {"time", 't', "T", 0, "Stop after T (90s, 20m, 1h), keeping the checkpoint", 0},
    {"seed", 's', "S", 0, "Seed (1)", 0},
    {"updates", 'n', "N", 0, "Meta-updates in all", 0},
    {"threads", 'j', "N", 0, "Threads (2); the result does not depend on them", 0},
    {"option", 'O', "NAME=VALUE", 0, "Set a trainer option; --list-options shows them",
     0},
    {"list-options", 'L', 0, 0, "List the trainer's options", 0},
    {"checkpoint-interval", 'c', "T", 0, "Seconds between checkpoints (30)", 0},
    {"json", 'J', 0, 0, "Print progress as JSON lines", 0},
    {0}};

static char assigned[2][64];

static bool known_method(const char *name) {
    for (size_t k = 0; hop_trainer_method(k); k++)
        if (strcmp(hop_trainer_method(k), name) == 0)
            return true;
    return false;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
    switch (key) {
    case 'm': a.method = arg; break;
    case 'o': a.output = arg; break;
    case 'r': a.resume = true; break;
    case 't': a.time = parse_time("--time", arg); break;
    case 'c': a.interval = parse_time("--checkpoint-interval", arg); break;
    case 'j': a.threads = (int)parse_count("--threads", arg, 1, 1024); break;
    case 'J': a.json = true; break;
    case 'f': a.from = arg; break;
    case 'R': a.recipe = true; break;
    case 'L': a.list = true; break;
    case 's':
    case 'n': {
        char *to = assigned[key == 'n'];
        snprintf(to, 64, "%s=%s", key == 's' ? "seed" : "updates", arg);
        arg = to;
    } /* fall through */
    case 'O':
        if (a.options == 64)
            argp_error(state, "too many options");
        a.option[a.options++] = arg;
        break;
    case ARGP_KEY_ARG:
        if (a.tasks)
            argp_error(state, "expected one task file");
        a.tasks = arg;
        break;
    case ARGP_KEY_END:
        if (a.method && !known_method(a.method))
            argp_error(state,
                       "--method: expected tbptt, policy, abandon, recall, "
                       "tbptt-continuous, esmc, nres or ga, got '%s'",
                       a.method);
        if (a.list) {
            list_options(a.method ? a.method : DEFAULT_METHOD);
            exit(EXIT_OK);
        }
        if (!a.tasks || !a.output)
            argp_error(state, "expected TASKS and -o MODEL.h5");
        if (a.recipe && a.method)
            argp_error(state, "--method: a recipe has its own");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* `where`: "RECIPE:LINE: " or nothing. */
static void apply_option(hop_context *context, hop_trainer *trainer, bool resumed,
                         const char *where, const char *text) {
    char name[64];
    const char *equals = strchr(text, '=');
    if (!equals || equals - text >= 64)
        fail_usage("%soption '%s': expected name=value", where, text);
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    double value = parse_number(name, equals + 1, -1e300, 1e300), have;
    if (resumed && hop_trainer_get(trainer, name, &have) == HOP_OK && have == value)
        return;
    if (hop_trainer_set(trainer, name, value) != HOP_OK)
        fail_usage("%s%s", where, hop_error_message(context));
}

/* Those of the command line come last. */
static void apply_options(hop_context *context, hop_trainer *trainer, bool resumed) {
    char where[4160] = "";
    if (job.stage)
        snprintf(where, sizeof where, "%s:%d: ", a.tasks, job.stage->line);
    for (int k = 0; job.stage && k < job.stage->options; k++)
        apply_option(context, trainer, resumed, where, job.stage->option[k]);
    for (int k = 0; k < a.options; k++)
        apply_option(context, trainer, resumed, where, a.option[k]);
}

/* More text, cut where `size` is full. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
                                                         const char *format, ...) {
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

/* `before`: the note of the model that the training began from. */
static void describe(const hop_trainer *trainer, const char *before, char *note,
                     size_t size) {
    const char *method = hop_trainer_method_of(trainer);
    hop_training_progress p = {.size = sizeof p};
    hop_option row = {.size = sizeof row};
    hop_trainer_progress(trainer, &p);
    note[0] = '\0';
    append(note, size, "libhop %d.%d.%d model\ntasks: %s\nmethod: %s\n",
           HOP_VERSION_MAJOR, HOP_VERSION_MINOR, HOP_VERSION_PATCH, job.tasks, method);
    append(note, size, "updates: %lld of %lld\nevaluations: %lld\nmean loss: %.6f\n",
           (long long)p.update, (long long)p.updates, (long long)p.evaluations,
           p.loss_average);
    for (size_t k = 0; hop_option_describe(method, k, &row) == HOP_OK; k++) {
        double value = 0.0;
        hop_trainer_get(trainer, row.name, &value);
        append(note, size, "%s: %g\n", row.name, value);
    }
    if (job.from)
        append(note, size, "\nfrom: %s\n%s", job.stage ? "the stage before" : job.from,
               before);
}

static void write_model(hop_context *context, hop_trainer *trainer, const char *path) {
    hop_model *model, *before = NULL;
    char note[16384];
    if (job.from)
        before = open_model(context, job.from);
    describe(trainer, hop_model_note(before), note, sizeof note);
    hop_model_free(before);
    check(context, hop_trainer_model(trainer, &model));
    check(context, hop_model_set_note(model, note));
    check(context, hop_model_save(model, path));
    hop_model_free(model);
}

static void report(const hop_trainer *trainer, double seconds, int64_t begun_at,
                   int64_t calls_at, bool line) {
    hop_training_progress p = {.size = sizeof p};
    hop_trainer_progress(trainer, &p);
    if (line && p.update == job.printed)
        return;
    job.printed = line ? p.update : job.printed;
    double done = (double)(p.update - begun_at) / seconds;
    double calls = (double)(p.evaluations - calls_at) / seconds;
    char n[7][32];
    if (a.json && line)
        printf(
            "{\"update\": %lld, \"updates\": %lld, \"loss\": %s, \"loss_average\": %s, "
            "\"gradient\": %s, \"window\": %d, \"updates_per_second\": %s, "
            "\"evaluations_per_second\": %s, \"validation\": %s, \"best\": %s}\n",
            (long long)p.update, (long long)p.updates, json_number(p.loss, n[0]),
            json_number(p.loss_average, n[1]), json_number(p.gradient, n[2]), p.window,
            json_number(done, n[3]), json_number(calls, n[4]),
            json_number(p.validation, n[5]), json_number(p.best, n[6]));
    else if (line) {
        printf("%6lld/%lld  window %2d  loss %8.4f  gradient %8.3f  %6.1f updates/s  "
               "%8.0f evaluations/s",
               (long long)p.update, (long long)p.updates, p.window, p.loss_average,
               p.gradient, done, calls);
        if (isfinite(p.validation))
            printf("  validation %.5f  best %.5f", p.validation, p.best);
        putchar('\n');
    } else
        show_progress(
            "%lld/%lld  loss %.4f  %.1f updates/s  %.0f evaluations/s  %.0f s left",
            (long long)p.update, (long long)p.updates, p.loss_average, done, calls,
            (double)(p.updates - p.update) / done);
    if (line)
        fflush(stdout);
}

static hop_trainer *go_on(hop_context *context) {
    hop_trainer *trainer;
    check(context, hop_trainer_load(context, job.checkpoint, &trainer));
    const char *method = hop_trainer_method_of(trainer);
    if (job.method && strcmp(job.method, method) != 0)
        fail("%s: expected a training by %s, got one by %s", job.checkpoint, job.method,
             method);
    return trainer;
}

static hop_trainer *begin(hop_context *context) {
    hop_trainer *trainer;
    hop_model *model = NULL;
    if (job.from)
        model = open_model(context, job.from);
    check(context, hop_trainer_new(context, job.method ? job.method : DEFAULT_METHOD,
                                   job.tasks, model, &trainer));
    hop_model_free(model);
    return trainer;
}

/* A model shall not replace what it was made from. */
static void check_apart(const char *output, const char *input) {
    struct stat one, other;
    if (output && input && stat(output, &one) == 0 && stat(input, &other) == 0 &&
        one.st_dev == other.st_dev && one.st_ino == other.st_ino)
        fail("%s: is read, and would be replaced by the model", output);
}

/* Steps until the end, an interrupt or the time limit, with reports and checkpoints. */
static int run(hop_context *context, hop_trainer *trainer) {
    hop_training_progress p = {.size = sizeof p};
    hop_trainer_progress(trainer, &p);
    const int64_t begun_at = p.update, calls_at = p.evaluations;
    double began = now(), saved = began, told = began, spoke = began;
    int status;
    job.printed = -1;
    while ((status = hop_trainer_step(trainer)) == HOP_OK) {
        double t = now();
        if (t - told > 0.2)
            report(trainer, (told = t) - began, begun_at, calls_at, false);
        if (t - spoke > 10.0)
            report(trainer, (spoke = t) - began, begun_at, calls_at, true);
        if (t - saved > a.interval) {
            check(context, hop_trainer_save(trainer, job.checkpoint));
            saved = now();
        }
        if (a.time > 0.0 && t - job.began > a.time)
            break;
    }
    clear_progress();
    check(context, status);
    report(trainer, now() - began, begun_at, calls_at, true);
    return status;
}

static void set_output(const char *path) {
    if (snprintf(job.output, sizeof job.output, "%s", path) >= 4080)
        fail_usage("--output: the path is too long");
    snprintf(job.checkpoint, sizeof job.checkpoint, "%s.checkpoint", job.output);
}

/* Until the model is at job.output; a part of it, when the time is over, at a.output. */
static bool train(hop_context *context) {
    const bool resumed = a.resume && access(job.checkpoint, F_OK) == 0;
    hop_trainer *trainer = resumed ? go_on(context) : begin(context);
    if (a.resume && !resumed && !a.recipe)
        warn("%s: not found, starting from scratch", job.checkpoint);
    apply_options(context, trainer, resumed);
    const int status = run(context, trainer);
    if (status == HOP_END) {
        write_model(context, trainer, job.output);
        unlink(job.checkpoint);
    } else {
        check(context, hop_trainer_save(trainer, job.checkpoint));
        if (status == HOP_OK)
            write_model(context, trainer, a.output);
    }
    hop_trainer_free(trainer);
    return status == HOP_END;
}

/* ---- recipes ---- */

/* The last stage makes the model itself. */
static void set_stage(const stage *stages, size_t count, size_t k) {
    char path[4200];
    snprintf(path, sizeof path, "%s.stage%zu", a.output, k + 1);
    set_output(k + 1 < count ? path : a.output);
    job.method = stages[k].method;
    job.tasks = stages[k].tasks;
    job.stage = &stages[k];
}

/* What is wrong with the last stage shall be known before the first is trained. */
static void check_stages(hop_context *context, const stage *stages, size_t count) {
    for (size_t k = 0; k < count; k++) {
        if (!known_method(stages[k].method))
            fail("%s:%d: no training method is named '%s'", a.tasks, stages[k].line,
                 stages[k].method);
        set_stage(stages, count, k);
        hop_trainer *trainer = begin(context);
        apply_options(context, trainer, false);
        hop_trainer_free(trainer);
    }
}

/* Files of stages before the first are none: as many as there can be. */
static void remove_stages(void) {
    static const stage none[STAGES + 1];
    for (size_t k = 0; k < STAGES; k++) {
        set_stage(none, STAGES + 1, k);
        unlink(job.output);
        unlink(job.checkpoint);
    }
}

/* The stage to begin with; what an earlier training left is no part of a new one. */
static size_t first_stage(const stage *stages, size_t count) {
    size_t k = 0;
    if (!a.resume) {
        remove_stages();
        return 0;
    }
    for (; k + 1 < count; k++) {
        set_stage(stages, count, k);
        if (access(job.output, F_OK) != 0)
            break;
    }
    set_stage(stages, count, k);
    if (k == 0 && access(job.checkpoint, F_OK) != 0)
        warn("%s: not found, starting from scratch", job.checkpoint);
    return k;
}

/* Each stage begins from the model of the one before, which stays until all are done. */
static void train_recipe(hop_context *context) {
    static stage stages[STAGES];
    static char from[4096];
    const size_t count = read_recipe(a.tasks, stages);
    check_stages(context, stages, count);
    for (size_t k = first_stage(stages, count); k < count; k++) {
        if (k > 0) {
            set_stage(stages, count, k - 1);
            snprintf(from, sizeof from, "%s", job.output);
            job.from = from;
        }
        set_stage(stages, count, k);
        if (!a.json)
            printf("stage %zu of %zu: %s, %s\n", k + 1, count, job.method, job.tasks);
        fflush(stdout);
        if (!train(context))
            return;
    }
    remove_stages();
}

int main(int argc, char **argv) {
    hop_context *context = start_program();
    const struct argp argp = {options,
                              parse,
                              "TASKS -o MODEL.h5",
                              "Meta-train a learned optimizer on the tasks of a file.",
                              0,
                              0,
                              0};
    argp_parse(&argp, argc, argv, 0, 0, 0);
    check_output(a.output);
    check_apart(a.output, a.tasks);
    set_output(a.output);
    check(context, hop_context_set_threads(context, a.threads));
    job.method = a.method;
    job.tasks = a.tasks;
    job.from = a.from;
    job.began = now();
    if (a.recipe)
        train_recipe(context);
    else
        train(context);
    hop_context_free(context);
    return finish(EXIT_OK);
}
