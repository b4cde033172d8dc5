/* Everything that can fail, made to fail: each allocation of the whole job, and each call
   on every file that the library reads or writes. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "support/support.h"

static const char tasks[] = "Ag.gupta Ag5 1\nAgAu.gupta Ag3Au2 2\n";
static const char silver[] = "# UNITS: metal CITATION: none\n"
                             "Ag Ag 2.8921 10.85 3.18 0.1031 1.1895 5.0 6.0\n";
static const char dimer[] = "2\nProperties=species:S:1:pos:R:3\nAg 0 0 0\nAg 2.9 0 0\n";

/* ---- memory: train, resume, save, load, search, write, read ---- */

#define TRY(call, object)                                                              \
    do {                                                                               \
        if (status >= 0)                                                               \
            status = (call);                                                           \
        ck_assert(status >= 0 || (object) == NULL);                                    \
    } while (0)
#define DO(call)                                                                       \
    do {                                                                               \
        if (status >= 0)                                                               \
            status = (call);                                                           \
    } while (0)

typedef struct paths {
    char tasks[512], potential[512], checkpoint[512], model[512], best[512];
} paths;

static paths make_paths(void) {
    paths p;
    snprintf(p.tasks, sizeof p.tasks, "%s", support_path("all.tasks"));
    snprintf(p.potential, sizeof p.potential, "%s", support_path("all.gupta"));
    snprintf(p.checkpoint, sizeof p.checkpoint, "%s", support_path("all.checkpoint"));
    snprintf(p.model, sizeof p.model, "%s", support_path("all.h5"));
    snprintf(p.best, sizeof p.best, "%s", support_path("all.xyz"));
    support_write_file(p.tasks, tasks, strlen(tasks));
    support_write_file(p.potential, silver, strlen(silver));
    return p;
}

static void set_small(hop_trainer *t) {
    hop_trainer_set(t, "updates", 3);
    hop_trainer_set(t, "batch", 2);
    hop_trainer_set(t, "window", 3);
    hop_trainer_set(t, "windows", 1);
    hop_trainer_set(t, "horizon", 100); /* each as far as the method has them */
}

/* Beginning with the model `from`, or with none. */
static int train(hop_context *context, const paths *p, const char *method,
                 const hop_model *from, hop_model **model) {
    hop_trainer *first = NULL, *second = NULL;
    int status = HOP_OK;
    TRY(hop_trainer_new(context, method, p->tasks, from, &first), first);
    if (first)
        set_small(first);
    DO(hop_trainer_step(first));
    DO(hop_trainer_save(first, p->checkpoint));
    TRY(hop_trainer_load(context, p->checkpoint, &second), second);
    DO(hop_trainer_step(second));
    hop_model *trained = NULL;
    TRY(hop_trainer_model(second, &trained), trained);
    DO(hop_model_set_note(trained, "trained by a test"));
    DO(hop_model_save(trained, p->model));
    TRY(hop_model_load(context, p->model, model), *model);
    hop_model_free(trained);
    hop_trainer_free(second);
    hop_trainer_free(first);
    return status;
}

static int search(hop_context *context, const paths *p, hop_model *model,
                  hop_structure **best) {
    hop_potential *potential = NULL;
    hop_optimizer *o = NULL;
    int status = HOP_OK;
    TRY(hop_potential_load(context, p->potential, &potential), potential);
    TRY(hop_structure_random(context, "Ag6", potential, 1, best), *best);
    TRY(hop_optimizer_new(context, "learned", *best, potential, &o), o);
    DO(hop_optimizer_set_model(o, model));
    DO(hop_optimizer_set(o, "descend", 1));
    DO(hop_optimizer_set(o, "max_evaluations", 40));
    DO(hop_optimizer_run(o, *best, NULL, NULL));
    DO(hop_optimizer_best(o, *best));
    hop_optimizer_free(o);
    hop_potential_free(potential);
    return status;
}

static int whole_job(hop_context *context, void *data) {
    const paths *p = data;
    hop_model *begun = NULL, *model = NULL;
    hop_structure *best = NULL, *copy = NULL, *back = NULL;
    hop_potential *crystal = NULL;
    double v[18] = {1.0}, hv[18];
    int status = train(context, p, "tbptt", NULL, &begun);
    DO(train(context, p, "recall", begun, &model));
    DO(search(context, p, model, &best));
    const hop_structure *one = best;
    DO(hop_structure_write(&one, 1, p->best));
    TRY(hop_structure_read(context, p->best, -1, &back), back);
    TRY(hop_structure_copy(back, &copy), copy);
    TRY(hop_potential_builtin(context, "AgAu-cutoff.gupta", &crystal), crystal);
    for (int a = 0; a < 3 && status >= 0; a++) {
        hop_structure_cell(copy)[4 * a] = 9.0;
        hop_structure_periodic(copy)[a] = 1;
    }
    DO(hop_potential_evaluate(crystal, copy));
    DO(hop_potential_hessian_vector(crystal, copy, v, hv));
    hop_potential_free(crystal);
    hop_structure_free(copy);
    hop_structure_free(back);
    hop_structure_free(best);
    hop_model_free(model);
    hop_model_free(begun);
    return status;
}

START_TEST(every_allocation_of_the_whole_job) {
    paths p = make_paths();
    ck_assert_uint_gt(support_torture(whole_job, &p), 150);
}
END_TEST

/* ---- files ---- */

static struct {
    enum support_call call;
    size_t nth;
    int error;
} plan;

/* From here on the planned call fails. */
static void arm(hop_context *context) {
    context->files = support_failing_files(plan.call, plan.nth, plan.error);
}

static int read_structure(hop_context *context, const char *path) {
    hop_structure *s;
    arm(context);
    int status = hop_structure_read(context, path, 0, &s);
    hop_structure_free(s);
    return status;
}

static int write_structure(hop_context *context, const char *path) {
    const int32_t numbers[2] = {47, 79};
    hop_structure *s;
    ck_assert_int_eq(hop_structure_new(context, 2, numbers, &s), HOP_OK);
    hop_structure_positions(s)[3] = 2.8;
    const hop_structure *one = s;
    arm(context);
    int status = hop_structure_write(&one, 1, path);
    hop_structure_free(s);
    return status;
}

static int load_potential(hop_context *context, const char *path) {
    hop_potential *potential;
    arm(context);
    int status = hop_potential_load(context, path, &potential);
    hop_potential_free(potential);
    return status;
}

static int load_model(hop_context *context, const char *path) {
    hop_model *model;
    arm(context);
    int status = hop_model_load(context, path, &model);
    hop_model_free(model);
    return status;
}

static int save_model(hop_context *context, const char *path) {
    hop_model *model;
    ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
    arm(context);
    int status = hop_model_save(model, path);
    hop_model_free(model);
    return status;
}

static int read_tasks(hop_context *context, const char *path) {
    hop_trainer *trainer;
    arm(context);
    int status = hop_trainer_new(context, "tbptt", path, NULL, &trainer);
    hop_trainer_free(trainer);
    return status;
}

static int load_checkpoint(hop_context *context, const char *path) {
    hop_trainer *trainer;
    arm(context);
    int status = hop_trainer_load(context, path, &trainer);
    hop_trainer_free(trainer);
    return status;
}

static int save_checkpoint(hop_context *context, const char *path) {
    hop_trainer *trainer;
    const char *from = support_path("save.tasks");
    support_write_file(from, tasks, strlen(tasks));
    ck_assert_int_eq(hop_trainer_new(context, "tbptt", from, NULL, &trainer), HOP_OK);
    arm(context);
    int status = hop_trainer_save(trainer, path);
    hop_trainer_free(trainer);
    return status;
}

static const struct job {
    const char *name, *text; /* NULL: `reader` needs what `writer` writes */
    int (*reader)(hop_context *, const char *);
    int (*writer)(hop_context *, const char *);
} jobs[] = {{"a.xyz", dimer, read_structure, write_structure},
            {"model.h5", NULL, load_model, save_model},
            {"checkpoint.h5", NULL, load_checkpoint, save_checkpoint},
            {"a.gupta", silver, load_potential, NULL},
            {"a.tasks", tasks, read_tasks, NULL}};
#define READERS ((int)(sizeof jobs / sizeof *jobs))
#define WRITERS 3 /* the first ones */

typedef struct content {
    char data[1 << 20];
    size_t size;
} content;

static void slurp(const char *path, content *c) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is gone", path);
    c->size = fread(c->data, 1, sizeof c->data, file);
    ck_assert_uint_lt(c->size, sizeof c->data);
    fclose(file);
}

static void assert_alone(const char *folder) {
    DIR *list = opendir(folder);
    int entries = 0;
    ck_assert_ptr_nonnull(list);
    for (struct dirent *e; (e = readdir(list));)
        entries += e->d_name[0] != '.';
    closedir(list);
    ck_assert_msg(entries == 1, "%d files instead of one in %s", entries, folder);
}

static void unarmed(int (*run)(hop_context *, const char *), const char *path) {
    hop_context *context;
    plan.nth = 0;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_msg(run(context, path) == HOP_OK, "%s", hop_error_message(context));
    hop_context_free(context);
}

/* One injected failure: an error that names the file and changes nothing, or success.
   False when nothing was left to fail. */
static bool fail_once(const struct job *job, bool writing, const char *folder,
                      const char *path) {
    static content before, after;
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *context;
    slurp(path, &before);
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
    int status = (writing ? job->writer : job->reader)(context, path);
    bool injected = support_files_injected();
    if (status < 0) {
        ck_assert_msg(injected && plan.error != SUPPORT_SHORT && plan.error != EINTR,
                      "call %d number %zu, error %d: %s", (int)plan.call, plan.nth,
                      plan.error, hop_error_message(context));
        ck_assert_msg(status == HOP_ERROR_IO, "%s", hop_status_name(status));
        ck_assert_msg(strstr(hop_error_message(context), path) != NULL, "%s",
                      hop_error_message(context));
        ck_assert_ptr_nonnull(strstr(hop_error_message(context), strerror(plan.error)));
        slurp(path, &after);
        ck_assert_uint_eq(after.size, before.size);
        ck_assert_mem_eq(after.data, before.data, before.size);
    }
    hop_context_free(context);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
    assert_alone(folder);
    size_t nth = plan.nth;
    if (writing)
        unarmed(job->reader, path); /* whatever is there is whole */
    plan.nth = nth;
    return injected;
}

/* EINTR where a call is repeated after it; rename() never reports it. */
static bool possible(enum support_call call, int error) {
    if (error == SUPPORT_SHORT)
        return call == SUPPORT_READ || call == SUPPORT_WRITE;
    return error != EINTR || call != SUPPORT_RENAME;
}

static size_t fail_all(const struct job *job, bool writing) {
    static const int errors[] = {EIO, ENOSPC, EINTR, SUPPORT_SHORT};
    char folder[400], path[512];
    size_t points = 0;
    snprintf(folder, sizeof folder, "%s",
             support_path(writing ? "writing" : "reading"));
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/%s", folder, job->name);
    if (job->text)
        support_write_file(path, job->text, strlen(job->text));
    else
        unarmed(job->writer, path);
    for (int call = 0; call < SUPPORT_CALLS; call++)
        for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
            plan.call = (enum support_call)call;
            plan.error = errors[e];
            if (!possible(plan.call, plan.error))
                continue;
            for (plan.nth = 1; fail_once(job, writing, folder, path); plan.nth++)
                points++;
        }
    remove(path);
    return points;
}

START_TEST(every_call_of_every_reader) {
    ck_assert_uint_ge(fail_all(&jobs[_i], false), 10);
}
END_TEST

START_TEST(every_call_of_every_writer) {
    ck_assert_uint_ge(fail_all(&jobs[_i], true), 20);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("failures");
    TCase *all = tcase_create("failures");
    tcase_set_timeout(all, 300);
    tcase_add_test(all, every_allocation_of_the_whole_job);
    tcase_add_loop_test(all, every_call_of_every_reader, 0, READERS);
    tcase_add_loop_test(all, every_call_of_every_writer, 0, WRITERS);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
