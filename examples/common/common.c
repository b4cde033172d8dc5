#include "common.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static hop_context *the_context;
static volatile sig_atomic_t the_signal;

static void complain(const char *format, va_list arguments) {
    clear_progress();
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void warn(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
}

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    exit(EXIT_ERROR);
}

void fail_usage(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name);
    exit(EXIT_USAGE);
}

void check(hop_context *context, int status) {
    if (status < 0)
        fail("%s", *hop_error_message(context) ? hop_error_message(context)
                                               : hop_status_text(status));
}

static void on_signal(int number) {
    the_signal = number;
    hop_cancel(the_context);
}

hop_context *start_program(void) {
    static char version[64];
    snprintf(version, sizeof version, "%s (libhop) %d.%d.%d",
             program_invocation_short_name, HOP_VERSION_MAJOR, HOP_VERSION_MINOR,
             HOP_VERSION_PATCH);
    argp_program_version = version;
    argp_err_exit_status = EXIT_USAGE;
    if (hop_context_new(NULL, &the_context) != HOP_OK)
        fail("out of memory");
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return the_context;
}

int interrupted(void) { return the_signal; }

int finish(int code) {
    if (fflush(stdout) != 0 || ferror(stdout))
        fail("standard output cannot be written");
    return the_signal ? 128 + the_signal : code;
}

hop_potential *open_potential(hop_context *context, const char *name) {
    static const char *const endings[] = {"", ".gupta", ".sw", ".lj"};
    hop_potential *potential;
    struct stat entry;
    if (stat(name, &entry) == 0 && !S_ISDIR(entry.st_mode)) {
        check(context, hop_potential_load(context, name, &potential));
        return potential;
    }
    for (size_t e = 0; e < 4; e++)
        for (size_t k = 0; hop_potential_builtin_name(k); k++) {
            const char *known = hop_potential_builtin_name(k);
            size_t length = strlen(name);
            if (strncmp(known, name, length) == 0 &&
                strcmp(known + length, endings[e]) == 0) {
                check(context, hop_potential_builtin(context, known, &potential));
                return potential;
            }
        }
    char names[2000] = "";
    for (size_t k = 0; hop_potential_builtin_name(k); k++)
        snprintf(names + strlen(names), sizeof names - strlen(names), " %s",
                 hop_potential_builtin_name(k));
    fail("potential '%s': no such file and no built-in of that name; built in are%s",
         name, names);
}

/* Models are beside the programs: where these are installed, or in the source tree. */
static bool find_model(const char *name, char path[PATH_MAX]) {
    static const char *const folders[] = {"../share/hop/models", "../models"};
    static const char *const endings[] = {"", ".h5"};
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0 || strchr(name, '/'))
        return false;
    program[length] = '\0';
    *(strrchr(program, '/') + 1) = '\0';
    for (size_t k = 0; k < 4; k++) {
        const int used = snprintf(path, PATH_MAX, "%s%s/%s%s", program, folders[k / 2],
                                  name, endings[k % 2]);
        if (used < PATH_MAX && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

hop_model *open_model(hop_context *context, const char *name) {
    hop_model *model;
    char path[PATH_MAX];
    if (access(name, F_OK) != 0 && !find_model(name, path))
        fail("%s: cannot be opened: No such file or directory, nor a model of that name"
             " that comes with libhop, such as metals",
             name);
    const char *file = access(name, F_OK) == 0 ? name : path;
    check(context, hop_model_load(context, file, &model));
    return model;
}

double parse_number(const char *option, const char *text, double low, double high) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high))
        fail_usage("%s: expected a number from %g to %g, got '%s'", option, low, high,
                   text);
    return value;
}

double parse_count(const char *option, const char *text, double low, double high) {
    double value = parse_number(option, text, low, high);
    if (value != floor(value))
        fail_usage("%s: expected a whole number, got '%s'", option, text);
    return value;
}

double parse_time(const char *option, const char *text) {
    char *end;
    double value = strtod(text, &end);
    double unit = strcmp(end, "h") == 0 ? 3600.0 : strcmp(end, "m") == 0 ? 60.0 : 1.0;
    if (end == text || !(value > 0.0 && value < 1e9) ||
        (*end && strcmp(end, "s") != 0 && unit == 1.0))
        fail_usage("%s: expected a time such as 90s, 20m or 1h, got '%s'", option,
                   text);
    return value * unit;
}

void set_option(hop_context *context, hop_optimizer *optimizer,
                const char *assignment) {
    char name[64];
    const char *equals = strchr(assignment, '=');
    if (!equals || (size_t)(equals - assignment) >= sizeof name)
        fail_usage("option '%s': expected name=value", assignment);
    memcpy(name, assignment, (size_t)(equals - assignment));
    name[equals - assignment] = '\0';
    double value = parse_number(name, equals + 1, -HUGE_VAL, HUGE_VAL);
    if (hop_optimizer_set(optimizer, name, value) != HOP_OK)
        fail_usage("%s", hop_error_message(context));
}

hop_optimizer *make_optimizer(hop_context *context, const char *spec,
                              const hop_structure *start, hop_potential *potential,
                              hop_model *model) {
    char *copy = strdup(spec), *rest = copy ? strchr(copy, ':') : NULL;
    hop_optimizer *optimizer;
    if (!copy)
        fail("out of memory");
    if (rest)
        *rest++ = '\0';
    int status = hop_optimizer_new(context, copy, start, potential, &optimizer);
    bool known = false;
    for (size_t k = 0; hop_optimizer_kind(k); k++)
        known = known || strcmp(hop_optimizer_kind(k), copy) == 0;
    if (!known)
        fail_usage("%s", hop_error_message(context));
    check(context, status);
    bool use_model = model && strncmp(copy, "learned", 7) == 0;
    for (char *part = rest ? strtok(rest, ",") : NULL; part; part = strtok(NULL, ","))
        if (strcmp(part, "model=none") == 0)
            use_model = false;
        else if (strncmp(part, "model=", 6) == 0)
            fail_usage("%s: expected model=none, got '%s'; --model gives the file",
                       copy, part);
        else
            set_option(context, optimizer, part);
    if (use_model)
        check(context, hop_optimizer_set_model(optimizer, model));
    free(copy);
    return optimizer;
}

void warn_untrained(const char *spec, const char *model) {
    if (!model && strncmp(spec, "learned", 7) == 0 && !strstr(spec, ":model=none"))
        warn("no --model: learned is the untrained optimizer");
}

static void fail_unknown(const char *kind) {
    char names[1000] = "";
    for (size_t k = 0; hop_optimizer_kind(k); k++)
        snprintf(names + strlen(names), sizeof names - strlen(names), " %s",
                 hop_optimizer_kind(k));
    fail_usage("no optimizer is named '%s'; there are%s", kind, names);
}

static void print_range(const hop_option *row, char range[64], char initial[32]) {
    const double none = 1e15; /* how the tables write a bound that is no bound */
    bool above = row->minimum > -none, below = row->maximum < none;
    if (row->type == HOP_OPTION_FLAG)
        snprintf(range, 64, "0 or 1");
    else if (above && below)
        snprintf(range, 64, "%g to %g", row->minimum, row->maximum);
    else
        snprintf(range, 64, above ? "%g or more" : "any", row->minimum);
    snprintf(initial, 32, fabs(row->initial) < none ? "%g" : "none", row->initial);
}

void list_options(const char *kind) {
    hop_option row = {.size = sizeof row};
    int status;
    for (size_t k = 0; (status = hop_option_describe(kind, k, &row)) == HOP_OK; k++) {
        char range[64], initial[32];
        if (k == 0)
            printf("%-17s %-9s %-18s %-6s\n", "option", "default", "range", "unit");
        print_range(&row, range, initial);
        printf("%-17s %-9s %-18s %-6s %s\n", row.name, initial, range, row.unit,
               row.doc);
    }
    if (status < 0)
        fail_unknown(kind);
}

void show_progress(const char *format, ...) {
    char line[512];
    struct winsize window;
    va_list arguments;
    if (!isatty(STDERR_FILENO))
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1;
    fprintf(stderr, "\r%.*s\033[K", known ? window.ws_col - 1 : 79, line);
}

void clear_progress(void) {
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

void finish_trajectory(hop_context *context, hop_trajectory *trajectory) {
    int status = hop_trajectory_flush(trajectory);
    hop_trajectory_free(trajectory);
    check(context, status);
}

const char *json_number(double value, char buffer[32]) {
    if (!isfinite(value))
        return "null";
    snprintf(buffer, 32, "%.17g", value);
    return buffer;
}

/* Where an output file really is: a link is followed; devices and folders are refused. */
static void find_target(const char *path, char target[PATH_MAX]) {
    struct stat entry;
    if (strlen(path) >= PATH_MAX - 64)
        fail("%.100s...: cannot be written: %s", path, strerror(ENAMETOOLONG));
    if (lstat(path, &entry) != 0 && errno == ENOENT) {
        memcpy(target, path, strlen(path) + 1);
        return;
    }
    if (!realpath(path, target) || stat(target, &entry) != 0)
        fail("%s: cannot be written: %s", path, strerror(errno));
    if (!S_ISREG(entry.st_mode))
        fail("%s: cannot be written: expected a regular file or a new name", path);
}

void check_output(const char *path) {
    char folder[PATH_MAX];
    struct stat entry;
    if (!*path)
        fail("an output file has no name");
    find_target(path, folder);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    if (stat(slash ? folder : ".", &entry) != 0 ||
        access(slash ? folder : ".", W_OK | X_OK))
        fail("%s: cannot be written: %s", path, strerror(errno));
    if (!S_ISDIR(entry.st_mode))
        fail("%s: cannot be written: %s", path, strerror(ENOTDIR));
}

void write_text(const char *path, const char *text, size_t size) {
    char target[PATH_MAX], name[PATH_MAX + 64];
    find_target(path, target);
    snprintf(name, sizeof name, "%s.tmp.%ld", target, (long)getpid());
    FILE *file = fopen(name, "wx");
    if (!file)
        fail("%s: cannot be written: %s", path, strerror(errno));
    bool good = fwrite(text, 1, size, file) == size;
    good = fclose(file) == 0 && good;
    if (!good || rename(name, target) != 0) {
        int reason = errno;
        unlink(name);
        fail("%s: cannot be written: %s", path, strerror(reason));
    }
}
