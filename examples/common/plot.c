#include "plot.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

enum {
    WIDTH = 760,
    HEIGHT = 480,
    LEFT = 84,
    RIGHT = 32,
    TOP = 52,
    BOTTOM = 60,
    MOST_LABEL = 60,
    COLOURS = 7
};

/* Okabe and Ito's palette, safe for colour-blind readers. */
static const char *const colours[COLOURS] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                             "#E69F00", "#56B4E9", "#000000"};

typedef struct sheet {
    char *text;
    size_t size, capacity;
    double x0, x1, y0, y1;
} sheet;

static void add(sheet *s, const char *format, ...) {
    va_list arguments;
    if (s->capacity - s->size < 512) {
        s->capacity = 2 * s->capacity + 4096;
        s->text = realloc(s->text, s->capacity);
        if (!s->text)
            fail("out of memory");
    }
    va_start(arguments, format);
    s->size +=
        (size_t)vsnprintf(s->text + s->size, s->capacity - s->size, format, arguments);
    va_end(arguments);
}

static double px(const sheet *s, double x) {
    return LEFT + (WIDTH - LEFT - RIGHT) * (log10(x) - s->x0) / (s->x1 - s->x0);
}

static double py(const sheet *s, double y) {
    return TOP + (HEIGHT - TOP - BOTTOM) * (s->y1 - y) / (s->y1 - s->y0);
}

static void find_ranges(sheet *s, const plot_curve *c, size_t count) {
    s->x0 = s->y0 = INFINITY;
    s->x1 = s->y1 = -INFINITY;
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < c[k].points; i++) {
            s->x0 = fmin(s->x0, log10(c[k].x[i]));
            s->x1 = fmax(s->x1, log10(c[k].x[i]));
            s->y0 = fmin(s->y0, c[k].mean[i] - c[k].error[i]);
            s->y1 = fmax(s->y1, c[k].mean[i] + c[k].error[i]);
        }
    double pad = 0.05 * (s->y1 - s->y0) + 1e-9;
    s->y0 -= pad;
    s->y1 += pad;
    if (!(s->x1 > s->x0))
        s->x1 = s->x0 + 1.0;
}

static void axes(sheet *s) {
    double raw = (s->y1 - s->y0) / 6.0, unit = pow(10.0, floor(log10(raw)));
    double step = unit * (raw / unit < 2.0 ? 2.0 : raw / unit < 5.0 ? 5.0 : 10.0);
    int digits = step < 1.0 ? (int)ceil(-log10(step) - 1e-9) : 0;
    const int first = (int)ceil(s->y0 / step), last = (int)floor(s->y1 / step);
    for (int k = first; k <= last; k++) {
        const double y = k * step;
        add(s, "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#e4e4e4'/>\n", LEFT,
            py(s, y), WIDTH - RIGHT, py(s, y));
        add(s, "<text x='%d' y='%.1f' text-anchor='end'>%s%.*f</text>\n", LEFT - 8,
            py(s, y) + 4, y < -0.5 * step ? "\u2212" : "", digits, fabs(y));
    }
    for (int decade = (int)floor(s->x0); decade <= (int)ceil(s->x1); decade++)
        for (int m = 1; m < 10; m++) {
            double x = m * pow(10.0, decade);
            if (log10(x) < s->x0 - 1e-9 || log10(x) > s->x1 + 1e-9)
                continue;
            add(s, "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#999'/>\n",
                px(s, x), HEIGHT - BOTTOM, px(s, x),
                HEIGHT - BOTTOM + (m == 1 ? 7 : 4));
            if (m == 1)
                add(s, "<text x='%.1f' y='%d' text-anchor='middle'>%.0f</text>\n",
                    px(s, x), HEIGHT - BOTTOM + 22, x);
        }
    add(s, "<path d='M%d %dV%dH%d' fill='none' stroke='#444'/>\n", LEFT, TOP,
        HEIGHT - BOTTOM, WIDTH - RIGHT);
}

static void band(sheet *s, const plot_curve *c, size_t k) {
    add(s, "<path fill='%s' fill-opacity='0.15' d='", colours[k % COLOURS]);
    for (size_t i = 0; i < c->points; i++)
        add(s, "%c%.1f %.1f", i == 0 ? 'M' : 'L', px(s, c->x[i]),
            py(s, c->mean[i] + c->error[i]));
    for (size_t i = c->points; i-- > 0;)
        add(s, "L%.1f %.1f", px(s, c->x[i]), py(s, c->mean[i] - c->error[i]));
    add(s, "Z'/>\n");
}

static void line(sheet *s, const plot_curve *c, size_t k) {
    add(s,
        "<path fill='none' stroke='%s' stroke-width='2.2' stroke-linejoin='round' d='",
        colours[k % COLOURS]);
    for (size_t i = 0; i < c->points; i++)
        add(s, "%c%.1f %.1f", i == 0 ? 'M' : 'L', px(s, c->x[i]), py(s, c->mean[i]));
    add(s, "'/>\n");
}

/* At the upper right, where descending curves leave room. */
static void legend(sheet *s, const plot_curve *curves, size_t count) {
    size_t longest = 0;
    for (size_t k = 0; k < count; k++)
        longest = strlen(curves[k].label) > longest ? strlen(curves[k].label) : longest;
    const double width =
        44.0 + 7.4 * (double)(longest < MOST_LABEL ? longest : MOST_LABEL);
    const double x = WIDTH - RIGHT - width, y = TOP + 14;
    add(s,
        "<rect x='%.1f' y='%d' width='%.1f' height='%zu' fill='white' "
        "fill-opacity='0.8'/>\n",
        x - 8, TOP, width + 8, 20 * count + 8);
    for (size_t k = 0; k < count; k++) {
        double at = y + 20.0 * (double)k;
        add(s, "<path d='M%.1f %.1fh28' stroke='%s' stroke-width='3'/>", x, at,
            colours[k % COLOURS]);
        add(s, "<text x='%.1f' y='%.1f'>%.*s</text>\n", x + 36, at + 4, MOST_LABEL,
            curves[k].label);
    }
}

void plot_write(const char *path, const char *title, int runs, const plot_curve *curves,
                size_t count) {
    sheet s = {0};
    find_ranges(&s, curves, count);
    add(&s,
        "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
        "viewBox='0 0 %d %d' font-family='Helvetica, Arial, sans-serif' font-size='13' "
        "fill='#222'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
    add(&s, "<text x='%d' y='28' font-size='16' font-weight='bold'>%.100s</text>\n",
        LEFT, title);
    add(&s, "<text x='%d' y='28' text-anchor='end' fill='#666'>%d run%s%s</text>\n",
        WIDTH - RIGHT, runs, runs > 1 ? "s each" : "",
        runs > 1 ? ", band: standard error of the mean" : "");
    axes(&s);
    for (size_t k = 0; k < count; k++)
        band(&s, &curves[k], k);
    for (size_t k = 0; k < count; k++)
        line(&s, &curves[k], k);
    legend(&s, curves, count);
    add(&s, "<text x='%d' y='%d' text-anchor='middle'>force calls</text>\n",
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16);
    add(&s,
        "<text transform='translate(20 %d) rotate(-90)' text-anchor='middle'>mean best "
        "energy (eV)</text>\n</svg>\n",
        (TOP + HEIGHT - BOTTOM) / 2);
    write_text(path, s.text, s.size);
    free(s.text);
}
