#include "potentials_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

/* ---- statistics ---- */

/* One thread is judged by processor time, several by wall time. */
static double seconds(const row *r, task_kind task, int round) {
    const timing *t = &r->timings[task][round];
    return r->contender->threads == 1 ? t->processor : t->wall;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median_of(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, ascending);
    return 0.5 * (values[(count - 1) / 2] + values[count / 2]);
}

static double least(const row *r, task_kind task) {
    double best = INFINITY;
    for (int k = 0; k < r->rounds[task]; k++)
        best = fmin(best, seconds(r, task, k));
    return r->rounds[task] ? best : NAN;
}

static double median(const row *r, task_kind task) {
    double values[ROUNDS];
    for (int k = 0; k < r->rounds[task]; k++)
        values[k] = seconds(r, task, k);
    return r->rounds[task] ? median_of(values, r->rounds[task]) : NAN;
}

/* Median over the rounds of a / b, each round's two bursts being neighbours in time. */
static double median_ratio(const row *a, task_kind ta, const row *b, task_kind tb) {
    double values[ROUNDS];
    if (!a->rounds[ta] || a->rounds[ta] != b->rounds[tb])
        return NAN;
    for (int k = 0; k < a->rounds[ta]; k++)
        values[k] = seconds(a, ta, k) / seconds(b, tb, k);
    return median_of(values, a->rounds[ta]);
}

static double least_wall(const row *r) {
    double best = INFINITY;
    for (int k = 0; k < r->rounds[FORCES]; k++)
        best = fmin(best, r->timings[FORCES][k].wall);
    return best;
}

/* The same with one thread. */
static const row *alone(const row *rows, int count, const row *r) {
    for (int k = 0; k < count; k++)
        if (rows[k].contender->threads == 1 &&
            rows[k].contender->variant == r->contender->variant &&
            rows[k].contender->library == r->contender->library)
            return &rows[k];
    return &rows[0];
}

static double least_processor(const row *r) {
    double best = INFINITY;
    for (int k = 0; k < r->rounds[FORCES]; k++)
        best = fmin(best, r->timings[FORCES][k].processor);
    return best;
}

/* The rebuild alone: LAMMPS tells it apart, ours is a call with less a call without. */
static double rebuild(const row *r, double (*statistic)(const row *, task_kind)) {
    bool apart = r->contender->library != NULL;
    return statistic(r, REBUILD) - (apart ? 0.0 : statistic(r, FORCES));
}

/* ---- JSON ---- */

static void quote(FILE *f, const char *text) {
    fputc('"', f);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(f, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fputc(' ', f);
        else
            fputc(*text, f);
    fputc('"', f);
}

static void number(FILE *f, const char *name, double value) {
    if (isfinite(value))
        fprintf(f, ", \"%s\": %.6g", name, value);
    else
        fprintf(f, ", \"%s\": null", name);
}

/* ---- the machine ---- */

static void first_line_with(const char *path, const char *key, char *line,
                            size_t size) {
    FILE *f = fopen(path, "r");
    bool there = false;
    while (f && !there && fgets(line, (int)size, f))
        there = strncmp(line, key, strlen(key)) == 0;
    if (f)
        fclose(f);
    if (!there)
        snprintf(line, size, "unknown");
    line[strcspn(line, "\n")] = 0;
}

static double load(void) {
    double value = NAN;
    return getloadavg(&value, 1) == 1 ? value : NAN;
}

bool report_open(report *r, const char *path, int rounds, double burst) {
    char line[300], date[40];
    struct utsname system;
    time_t now = time(NULL);
    *r = (report){.json = fopen(path, "w")};
    if (!r->json)
        return false;
    first_line_with("/proc/cpuinfo", "model name", line, sizeof line);
    const char *processor = strchr(line, ':') ? strchr(line, ':') + 2 : line;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    uname(&system);
    printf("%s, %s; compiler %s; %s; load %.2f; %d rounds of %.0f ms bursts\n",
           processor, system.sysname, __VERSION__, date, load(), rounds, 1e3 * burst);
    fprintf(r->json, "{\"date\": \"%s\", \"processor\": ", date);
    quote(r->json, processor);
    fprintf(r->json, ", \"compiler\": ");
    quote(r->json, __VERSION__);
    fprintf(r->json, ", \"rounds\": %d", rounds);
    number(r->json, "load_before", load());
    return true;
}

void report_peers(report *r) {
    const char *line;
    fprintf(r->json, ", \"peers\": [");
    for (int k = 0; (line = lammps_found(k)) != NULL; k++) {
        printf("%s\n", line);
        fputs(k ? ", " : "", r->json);
        quote(r->json, line);
    }
    fprintf(r->json, "], \"problems\": [");
}

/* ---- a problem ---- */

void report_problem(report *r, const problem *p) {
    char list[80] = "all pairs";
    if (isfinite(p->cutoff))
        snprintf(list, sizeof list, "cut-off %.4g, skin %.4g", p->cutoff, p->skin);
    printf("\n%s, %s, load %.2f\n", p->name, list, load());
    r->missing = 0;
    fprintf(r->json, "%s\n{\"name\": ", r->problems++ ? "," : "");
    quote(r->json, p->name);
    fprintf(r->json, ", \"atoms\": %zu", p->count);
    number(r->json, "cutoff", p->cutoff);
    number(r->json, "skin", p->skin);
    number(r->json, "load", load());
    fprintf(r->json, ", \"missing\": [");
    fflush(NULL);
}

void report_missing(report *r, const contender *c, const char *why) {
    printf("  %-40s not measured: %s\n", c->name, why);
    r->failures += c->library == NULL;
    fprintf(r->json, "%s{\"name\": ", r->missing++ ? ", " : "");
    quote(r->json, c->name);
    fprintf(r->json, ", \"why\": ");
    quote(r->json, why);
    fprintf(r->json, "}");
}

static const row *base_of(const row *rows, int count, const row *r) {
    for (int k = 0; k < count; k++)
        if (!rows[k].contender->library &&
            rows[k].contender->threads == r->contender->threads)
            return &rows[k];
    return &rows[0];
}

static void report_row(report *r, const problem *p, const row *w, const row *base,
                       const row *first) {
    double low = least(w, FORCES), mid = median(w, FORCES), n = (double)p->count;
    double ratio = median_ratio(w, FORCES, base, FORCES);
    double ratio_of_least = low / least(base, FORCES);
    printf("  %-36s %11.3f %11.3f %9.1f %8.2f %8.2f", w->contender->name, 1e6 * low,
           1e6 * mid, 1e9 * mid / n, ratio_of_least, ratio);
    if (p->periodic && w->rounds[REBUILD])
        printf(" %8.0f %7.2f", 1e9 * rebuild(w, median) / n,
               rebuild(w, median) / rebuild(first, median));
    else if (p->periodic)
        printf(" %8s %7s", "", "");
    printf("  %8.1e%s\n", w->force_difference, w->agrees ? "" : "  DISAGREES");
    r->disagreements += !w->agrees;
    FILE *f = r->json;
    fprintf(f, "%s\n  {\"name\": ", w == first ? "" : ",");
    quote(f, w->contender->name);
    fprintf(f, ", \"threads\": %d", w->contender->threads);
    number(f, "seconds_min", low);
    number(f, "seconds_median", mid);
    number(f, "over_hop_min", ratio_of_least);
    number(f, "over_hop_median", ratio);
    number(f, "rebuild_seconds_min", rebuild(w, least));
    number(f, "rebuild_seconds_median", rebuild(w, median));
    number(f, "hessian_over_force", median_ratio(w, HESSIAN, w, FORCES));
    number(f, "force_difference", w->force_difference);
    number(f, "energy_difference", w->energy_difference);
    number(f, "heap_bytes", w->heap ? (double)w->heap : NAN);
    number(f, "resident_bytes", (double)w->resident);
    fprintf(f, ", \"agrees\": %s}", w->agrees ? "true" : "false");
}

/* "Ag38: 7.1 us; LAMMPS native smatb 4.00x, ...": medians, mono- and many-threaded. */
static void summarize(report *r, const problem *p, const row *rows, int count) {
    char *line = r->summary[(r->problems - 1) % 64];
    const size_t size = sizeof *r->summary;
    int at = snprintf(line, size, "%-13s %9.3g us %6.0f ns/atom ", p->name,
                      1e6 * median(&rows[0], FORCES),
                      1e9 * median(&rows[0], FORCES) / (double)p->count);
    for (int k = 1; k < count && at > 0 && (size_t)at < size; k++)
        if (rows[k].contender->threads == 1)
            at += snprintf(line + at, size - (size_t)at, " | %s %.2f",
                           rows[k].contender->name,
                           median_ratio(&rows[k], FORCES, &rows[0], FORCES));
}

void report_rows(report *r, const problem *p, const row *rows, int count) {
    fprintf(r->json, "], \"contenders\": [");
    printf("  %-36s %11s %11s %9s %8s %8s%s  %8s\n", "", "us/call min", "median",
           "ns/atom", "x (min)", "x (med)", p->periodic ? "  rebuild       x" : "",
           "max|dF|");
    summarize(r, p, rows, count);
    for (int k = 0; k < count; k++)
        report_row(r, p, &rows[k], base_of(rows, count, &rows[k]), &rows[0]);
    fprintf(r->json, "]}");
    double n = (double)p->count;
    printf("  Hessian product %.2f force calls; allocated %.0f bytes/atom",
           median_ratio(&rows[0], HESSIAN, &rows[0], FORCES), (double)rows[0].heap / n);
    if (p->count >= 4000)
        printf(", resident %.0f", (double)rows[0].resident / n);
    printf("\n");
    for (int k = 1; k < count; k++) {
        const row *one = alone(rows, count, &rows[k]);
        if (rows[k].contender->threads > 1)
            printf("  %s: %.2fx one, processor time %.2fx (least times)\n",
                   rows[k].contender->name, least_wall(one) / least_wall(&rows[k]),
                   least_processor(&rows[k]) / least_processor(one));
    }
    fflush(NULL);
}

bool report_close(report *r) {
    fprintf(r->json, "]");
    number(r->json, "load_after", load());
    fprintf(r->json, ", \"disagreements\": %d}\n", r->disagreements);
    bool written = fclose(r->json) == 0;
    printf("\nMedian time of a call, and how many times that the others take:\n");
    for (int k = 0; k < r->problems && k < 64; k++)
        printf("%s\n", r->summary[k]);
    printf("\n%d problems, %d disagreements, load %.2f\n", r->problems,
           r->disagreements, load());
    return written && r->disagreements == 0 && r->failures == 0;
}
