/* The pool of threads: every index once, on workers below the limit; nested calls,
   forks, missing memory and missing threads; masked signals; no thread outlives its
   context. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/threads.h"
#include "support/support.h"

/* ---- pthread_create() that fails on demand ---- */

static atomic_int creations_allowed = 1 << 30, attempts;
typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                            void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*start)(void *), void *argument) {
    create_function *system_create;
    *(void **)&system_create = dlsym(RTLD_NEXT, "pthread_create");
    atomic_fetch_add(&attempts, 1);
    if (atomic_fetch_sub(&creations_allowed, 1) <= 0)
        return EAGAIN;
    return system_create(thread, attributes, start, argument);
}

/* ---- helpers ---- */

static hop_context *context_with(int32_t threads) {
    hop_context *context;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_context_set_threads(context, threads), HOP_OK);
    return context;
}

static size_t threads_alive(void) {
    size_t count = 0;
    DIR *list = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(list);
    for (struct dirent *entry; (entry = readdir(list));)
        count += entry->d_name[0] != '.';
    closedir(list);
    return count;
}

static void *nothing(void *argument) { return argument; }

/* A sanitizer starts a thread of its own along with the first. */
static size_t threads_at_first(void) {
    pthread_t first;
    size_t count = threads_alive();
    ck_assert_int_eq(pthread_create(&first, NULL, nothing, NULL), 0);
    pthread_join(first, NULL);
    for (int k = 0; k < 100; k++) {
        count = threads_alive();
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    return count;
}

/* A joined thread may stay in /proc for a moment. */
static void wait_for_threads(size_t count) {
    for (int k = 0; k < 2000 && threads_alive() != count; k++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    ck_assert_uint_eq(threads_alive(), count);
}

#define MOST 5000
typedef struct tally {
    atomic_int visits[MOST];
    atomic_int outside, busy[1025], collisions;
    size_t workers;
} tally;

static tally shared;

static void visit(void *argument, size_t index, size_t worker) {
    tally *t = argument;
    atomic_fetch_add(&t->visits[index], 1);
    if (worker >= t->workers) {
        atomic_fetch_add(&t->outside, 1);
        return;
    }
    /* a worker does one thing at a time */
    if (atomic_fetch_add(&t->busy[worker], 1) != 0)
        atomic_fetch_add(&t->collisions, 1);
    for (volatile int k = 0; k < (int)(index % 50); k++)
        ;
    atomic_fetch_sub(&t->busy[worker], 1);
}

static void visit_all(hop_context *context, size_t workers, size_t count) {
    memset(&shared, 0, sizeof shared);
    shared.workers =
        workers < (size_t)context->threads ? workers : (size_t)context->threads;
    hop__parallel(context, workers, count, visit, &shared);
    size_t wrong = 0;
    for (size_t k = 0; k < MOST; k++)
        wrong += atomic_load(&shared.visits[k]) != (k < count);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_int_eq(atomic_load(&shared.outside), 0);
    ck_assert_int_eq(atomic_load(&shared.collisions), 0);
}

/* ---- tests ---- */

START_TEST(every_index_once) {
    static const size_t counts[] = {0, 1, 2, 3, 7, 64, 1000, MOST};
    static const size_t workers[] = {1, 2, 3, 1024, SIZE_MAX};
    hop_context *context = context_with(_i);
    for (size_t a = 0; a < sizeof counts / sizeof *counts; a++)
        for (size_t b = 0; b < sizeof workers / sizeof *workers; b++)
            visit_all(context, workers[b], counts[a]);
    hop_context_free(context);
}
END_TEST

START_TEST(many_short_loops) {
    hop_context *context = context_with(2 + _i);
    for (int k = 0; k < 3000; k++) {
        if (k % 500 == 0) /* long enough for the threads to fall asleep */
            nanosleep(&(struct timespec){0, 2000000}, NULL);
        visit_all(context, SIZE_MAX, (size_t)k % 9);
    }
    hop_context_free(context);
}
END_TEST

static void note_thread(void *argument, size_t index, size_t worker) {
    pthread_t *thread = argument;
    thread[index] = pthread_self();
    if (worker == 0) /* the caller leaves the rest to the others */
        nanosleep(&(struct timespec){0, 20000000}, NULL);
}

START_TEST(another_thread_takes_part) {
    hop_context *context = context_with(2);
    bool other = false;
    for (int attempt = 0; attempt < 50 && !other; attempt++) {
        pthread_t thread[8];
        hop__parallel(context, 2, 8, note_thread, thread);
        for (int k = 0; k < 8; k++)
            other |= !pthread_equal(thread[k], pthread_self());
    }
    ck_assert(other);
    hop_context_free(context);
}
END_TEST

START_TEST(threads_begin_when_needed_and_end_with_the_context) {
    size_t before = threads_at_first();
    hop_context *context = context_with(4);
    ck_assert_uint_eq(threads_alive(), before);
    visit_all(context, SIZE_MAX, 1);
    ck_assert_uint_eq(threads_alive(), before); /* one index needs no thread */
    visit_all(context, SIZE_MAX, 100);
    ck_assert_uint_eq(threads_alive(), before + 3);
    hop_context_set_threads(context, 4);
    ck_assert_uint_eq(threads_alive(), before + 3);
    hop_context_set_threads(context, 3);
    wait_for_threads(before);
    visit_all(context, SIZE_MAX, 100);
    ck_assert_uint_eq(threads_alive(), before + 2);
    hop_context_free(context);
    wait_for_threads(before);
}
END_TEST

/* Several loops at once share the tally: no look at who is busy. */
static void count_visit(void *argument, size_t index, size_t worker) {
    tally *t = argument;
    atomic_fetch_add(&t->visits[index], 1);
    if (worker >= t->workers)
        atomic_fetch_add(&t->outside, 1);
}

static void nested(void *argument, size_t index, size_t worker) {
    hop_context **contexts = argument;
    (void)index;
    hop__parallel(contexts[worker], SIZE_MAX, 10, count_visit, &shared);
}

START_TEST(nested_loops_run_on_their_own_thread) {
    hop_context *context = context_with(3), *contexts[3];
    size_t before = threads_at_first();
    memset(&shared, 0, sizeof shared);
    shared.workers = 1;
    for (int k = 0; k < 3; k++)
        if (_i == 0)
            contexts[k] = context;
        else
            ck_assert_int_eq(hop__context_child(context, &contexts[k]), HOP_OK);
    hop__parallel(context, 3, 200, nested, contexts);
    for (size_t k = 0; k < 10; k++)
        ck_assert_int_eq(atomic_load(&shared.visits[k]), 200);
    ck_assert_int_eq(atomic_load(&shared.outside), 0);
    ck_assert_uint_eq(threads_alive(), before + 2); /* no pool inside the pool */
    for (int k = 0; k < 3 && _i == 1; k++)
        hop_context_free(contexts[k]);
    hop_context_free(context);
    wait_for_threads(before);
}
END_TEST

static void note_mask(void *argument, size_t index, size_t worker) {
    sigset_t *masks = argument;
    pthread_sigmask(SIG_SETMASK, NULL, &masks[index]);
    if (worker == 0)
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    else
        sigaddset(&masks[index], SIGRTMAX); /* marks another thread's */
}

START_TEST(signals_are_the_hosts) {
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGALRM, SIGCHLD, SIGHUP};
    hop_context *context = context_with(2);
    sigset_t before, after, masks[8];
    int foreign = 0;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    for (int attempt = 0; attempt < 50 && foreign == 0; attempt++) {
        hop__parallel(context, 2, 8, note_mask, masks);
        for (int k = 0; k < 8; k++) {
            bool other = sigismember(&masks[k], SIGRTMAX) == 1;
            for (size_t g = 0; g < sizeof signals / sizeof *signals; g++)
                ck_assert_int_eq(sigismember(&masks[k], signals[g]), other);
            foreign += other;
        }
    }
    ck_assert_int_gt(foreign, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (size_t g = 0; g < sizeof signals / sizeof *signals; g++)
        ck_assert_int_eq(sigismember(&after, signals[g]),
                         sigismember(&before, signals[g]));
    hop_context_free(context);
}
END_TEST

/* The thread sanitizer does not know threads that a fork's child starts. */
#if defined(__SANITIZE_THREAD__)
#define FIRST_FORK 1
#else
#define FIRST_FORK 0
#endif

/* The child of a fork has its parent's context, but none of its threads. */
START_TEST(forked_children_start_threads_of_their_own) {
    hop_context *context = context_with(3);
    visit_all(context, SIZE_MAX, 100);
    for (int k = 0; k < 10; k++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            alarm(60);
            if (_i == 0)
                visit_all(context, SIZE_MAX, 1000);
            if (_i == 1)
                hop_context_set_threads(context, 2);
            hop_context_free(context);
            _exit(0);
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d",
                      status);
        visit_all(context, SIZE_MAX, 100);
    }
    hop_context_free(context);
}
END_TEST

START_TEST(missing_threads_are_no_error) {
    size_t before = threads_at_first();
    hop_context *context = context_with(6);
    creations_allowed = _i;
    attempts = 0;
    visit_all(context, SIZE_MAX, 1000);
    ck_assert_uint_eq(threads_alive(), before + (size_t)_i);
    ck_assert_int_gt(attempts, _i);
    visit_all(context, SIZE_MAX, 1000);
    ck_assert_str_eq(hop_error_message(context), "");
    hop_context_free(context);
    atomic_store(&creations_allowed, 1 << 30);
    wait_for_threads(before);
}
END_TEST

START_TEST(missing_memory_is_no_error) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *context;
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
    hop_context_set_threads(context, 0); /* leaves a message */
    hop_context_set_threads(context, 4);
    state.fail_at = state.calls + 1;
    visit_all(context, SIZE_MAX, 1000);
    ck_assert_uint_eq(state.injected, 1);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "threads:"));
    visit_all(context, SIZE_MAX, 1000); /* now there is memory again */
    ck_assert_uint_eq(state.live, 2);
    size_t calls = state.calls;
    for (int k = 0; k < 100; k++)
        visit_all(context, SIZE_MAX, 10);
    ck_assert_uint_eq(state.calls, calls); /* steady state allocates nothing */
    hop_context_free(context);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
}
END_TEST

/* Contexts of different threads do not know each other. */
static void *use_own_context(void *argument) {
    hop_context *context = context_with(3);
    atomic_int *sum = argument;
    for (int k = 0; k < 200; k++)
        hop__parallel(context, SIZE_MAX, 20, count_visit, &shared);
    atomic_fetch_add(sum, 1);
    hop_context_free(context);
    return NULL;
}

START_TEST(contexts_on_several_threads) {
    pthread_t threads[3];
    atomic_int sum = 0;
    memset(&shared, 0, sizeof shared);
    shared.workers = 3;
    for (int k = 0; k < 3; k++)
        ck_assert_int_eq(pthread_create(&threads[k], NULL, use_own_context, &sum), 0);
    for (int k = 0; k < 3; k++)
        pthread_join(threads[k], NULL);
    for (size_t k = 0; k < 20; k++)
        ck_assert_int_eq(atomic_load(&shared.visits[k]), 600);
    ck_assert_int_eq(atomic_load(&sum), 3);
    ck_assert_int_eq(atomic_load(&shared.outside), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("threads");
    TCase *all = tcase_create("pool");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, every_index_once, 1, 6);
    tcase_add_loop_test(all, many_short_loops, 0, 3);
    tcase_add_test(all, another_thread_takes_part);
    tcase_add_test(all, threads_begin_when_needed_and_end_with_the_context);
    tcase_add_loop_test(all, nested_loops_run_on_their_own_thread, 0, 2);
    tcase_add_test(all, signals_are_the_hosts);
    tcase_add_loop_test(all, forked_children_start_threads_of_their_own, FIRST_FORK, 3);
    tcase_add_loop_test(all, missing_threads_are_no_error, 0, 4);
    tcase_add_test(all, missing_memory_is_no_error);
    tcase_add_test(all, contexts_on_several_threads);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
