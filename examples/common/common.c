#include "common.h"

#include <argp.h>
#include <stdbool.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static hop_context *the_context;
static volatile sig_atomic_t the_signal;

static void complain(const char *format, va_list arguments) {
    clear_progress();
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
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
    argp_err_exit_status = EXIT_USAGE;
    if (hop_context_new(NULL, &the_context) != HOP_OK)
        fail("out of memory");
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return the_context;
}

int interrupted(void) { return the_signal; }

hop_potential *open_potential(hop_context *context, const char *name) {
    static const char *const endings[] = {"", ".gupta", ".sw", ".lj"};
    hop_potential *potential;
    if (access(name, F_OK) == 0) {
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
    fail("potential '%s': no such file and no built-in of that name; built in are%s", name,
         names);
}

double parse_number(const char *option, const char *text, double low, double high) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high))
        fail_usage("%s: expected a number from %g to %g, got '%s'", option, low, high, text);
    return value;
}

double parse_time(const char *text) {
    char *end;
    double value = strtod(text, &end);
    double unit = strcmp(end, "h") == 0 ? 3600.0 : strcmp(end, "m") == 0 ? 60.0 : 1.0;
    if (end == text || !(value > 0.0) || (*end && strcmp(end, "s") && unit == 1.0))
        fail_usage("--time: expected a time such as 90s, 20m or 1h, got '%s'", text);
    return value * unit;
}

void set_option(hop_context *context, hop_optimizer *optimizer, const char *assignment) {
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
    bool use_model = model && strcmp(copy, "learned") == 0;
    for (char *part = rest ? strtok(rest, ",") : NULL; part; part = strtok(NULL, ","))
        if (strcmp(part, "model=none") == 0)
            use_model = false;
        else
            set_option(context, optimizer, part);
    if (use_model)
        check(context, hop_optimizer_set_model(optimizer, model));
    free(copy);
    return optimizer;
}

void list_options(const char *kind) {
    hop_option row = {.size = sizeof row};
    int status;
    for (size_t k = 0; (status = hop_option_describe(kind, k, &row)) == HOP_OK; k++)
        printf("%-18s default %-10g %-6s %s\n", row.name, row.initial, row.unit, row.doc);
    if (status < 0)
        fail_usage("no optimizer is named '%s'", kind);
}

void show_progress(const char *format, ...) {
    if (!isatty(STDERR_FILENO))
        return;
    va_list arguments;
    va_start(arguments, format);
    fputc('\r', stderr);
    vfprintf(stderr, format, arguments);
    fputs("\033[K", stderr);
    va_end(arguments);
}

void clear_progress(void) {
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

const char *json_number(double value, char buffer[32]) {
    if (!isfinite(value))
        return "null";
    snprintf(buffer, 32, "%.17g", value);
    return buffer;
}

void write_text(const char *path, const char *text, size_t size) {
    char name[4096];
    snprintf(name, sizeof name, "%s.tmp.%ld", path, (long)getpid());
    FILE *file = fopen(name, "wx");
    bool good = file && fwrite(text, 1, size, file) == size;
    good = file && fclose(file) == 0 && good && rename(name, path) == 0;
    if (!good) {
        int reason = errno;
        unlink(name);
        fail("%s: cannot be written: %s", path, strerror(reason));
    }
}
