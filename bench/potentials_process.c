/* Contenders' processes and the time they take. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "potentials.h"

#define PATIENCE 300 /* seconds for one burst or for starting */

typedef struct order {
    task_kind task;
    long calls;
} order;

typedef struct reply {
    bool done;
    timing per_call;
} reply;

/* ---- in the contender's process ---- */

static double clock_seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

stopwatch stopwatch_start(void) {
    return (stopwatch){clock_seconds(CLOCK_MONOTONIC),
                       clock_seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

timing stopwatch_read(stopwatch start, long calls) {
    double processor = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - start.processor;
    double wall = clock_seconds(CLOCK_MONOTONIC) - start.wall;
    return (timing){wall / (double)calls, processor / (double)calls};
}

size_t resident_bytes(void) {
    unsigned long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

void *refuse(result *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out->why, sizeof out->why, format, arguments);
    va_end(arguments);
    return NULL;
}

/* The processor that is the `back`-th from the last of those we may use. */
static void pin(pid_t thread, int back) {
    cpu_set_t all, one;
    if (sched_getaffinity(getppid(), sizeof all, &all) != 0)
        return;
    for (int k = CPU_SETSIZE - 1; k >= 0; k--)
        if (CPU_ISSET(k, &all) && back-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(k, &one);
            sched_setaffinity(thread, sizeof one, &one);
            return;
        }
}

/* One processor for each thread, or a busy system would long keep them on one. */
static void spread_threads(void) {
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    int back = 0;
    while (tasks && (entry = readdir(tasks)) != NULL)
        if (entry->d_name[0] != '.')
            pin((pid_t)atol(entry->d_name), back++);
    if (tasks)
        closedir(tasks);
}

static void serve(const contender *c, const problem *p, result *out, int ask,
                  int answer) {
    order o;
    reply r = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (c->threads == 1)
        pin(0, 0); /* all on the same one */
    void *state = c->prepare(c, p, out);
    if (c->threads > 1)
        spread_threads();
    out->ready = state != NULL;
    if (write(answer, &r, sizeof r) != sizeof r || !state)
        _exit(0);
    while (read(ask, &o, sizeof o) == sizeof o) {
        r.done = c->burst(state, o.task, o.calls, &r.per_call);
        if (write(answer, &r, sizeof r) != sizeof r)
            break;
    }
    _exit(0);
}

/* ---- in the bench ---- */

static size_t result_size(const problem *p) {
    return sizeof(result) + 3 * p->count * sizeof(double);
}

/* The process has ended, or is made to. */
static void lose(worker *w, const char *reason) {
    char how[40] = "";
    int status = 0;
    usleep(100000); /* it may be about to end */
    if (waitpid(w->pid, &status, WNOHANG) == w->pid) {
        if (WIFSIGNALED(status))
            snprintf(how, sizeof how, " with signal %d", WTERMSIG(status));
        else if (WEXITSTATUS(status) != 0)
            snprintf(how, sizeof how, " with status %d", WEXITSTATUS(status));
    } else {
        kill(w->pid, SIGKILL);
        waitpid(w->pid, NULL, 0);
    }
    size_t at = strlen(w->result->why);
    snprintf(w->result->why + at, sizeof w->result->why - at, "%s%s%s",
             at && reason[0] ? "; " : "", reason, reason[0] ? how : "");
    close(w->ask);
    close(w->answer);
    w->result->ready = false;
    w->pid = 0;
}

static bool listen_to(worker *w, reply *r) {
    struct pollfd wait = {w->answer, POLLIN, 0};
    int ready;
    while ((ready = poll(&wait, 1, PATIENCE * 1000)) < 0 && errno == EINTR)
        ;
    if (ready <= 0) {
        lose(w, "no answer in time");
        return false;
    }
    if (read(w->answer, r, sizeof *r) != sizeof *r) {
        lose(w, "the process ended");
        return false;
    }
    return true;
}

void worker_start(worker *w, const contender *c, const problem *p) {
    int ask[2], answer[2];
    reply r;
    *w = (worker){.contender = c};
    w->result = mmap(NULL, result_size(p), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w->result == MAP_FAILED || pipe(ask) != 0 || pipe(answer) != 0) {
        perror("bench");
        exit(1);
    }
    fflush(NULL);
    w->pid = fork();
    if (w->pid < 0) {
        perror("bench: fork");
        exit(1);
    }
    if (w->pid == 0) {
        close(ask[1]);
        close(answer[0]);
        serve(c, p, w->result, ask[0], answer[1]);
    }
    close(ask[0]);
    close(answer[1]);
    w->ask = ask[1];
    w->answer = answer[0];
    if (listen_to(w, &r) && !w->result->ready)
        lose(w, "");
}

bool worker_burst(worker *w, task_kind task, long calls, timing *per_call) {
    order o = {task, calls};
    reply r = {0};
    if (w->pid == 0)
        return false;
    if (write(w->ask, &o, sizeof o) != sizeof o) {
        lose(w, "the process ended");
        return false;
    }
    if (!listen_to(w, &r))
        return false;
    *per_call = r.per_call;
    return r.done;
}

void worker_stop(worker *w, const problem *p) {
    if (w->pid) {
        close(w->ask);
        close(w->answer);
        kill(w->pid, SIGKILL);
        waitpid(w->pid, NULL, 0);
    }
    munmap(w->result, result_size(p));
    *w = (worker){0};
}
