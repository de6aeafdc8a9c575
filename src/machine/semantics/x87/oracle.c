/* Runs x87 instructions on the real processor: records of operation, control word, st0, st1 in; status word and registers out. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct in { uint16_t op, control; uint8_t a[10], b[10]; } __attribute__((packed));
struct out { uint16_t status; uint8_t st0[10], st1[10]; uint64_t stored; } __attribute__((packed));

#define RUN(text) \
    __asm__ volatile("fninit\n fldt %3\n fldt %2\n fldcw %4\n" text "\n fnstsw %0\n fnclex\n fldcw %5\n fstpt %1\n" \
                     : "=m"(o.status), "=m"(o.st0), "+m"(i.a), "+m"(i.b) : "m"(i.control), "m"(all), "m"(o.stored) : "memory")
#define CASE(n, text) case n: RUN(text); break;

int main(void) {
    struct in i;
    static const uint16_t all = 0x37f;
    while (fread(&i, sizeof i, 1, stdin) == 1) {
        struct out o;
        memset(&o, 0, sizeof o);
        switch (i.op) {
        CASE(0, "fadd %%st(1),%%st")
        CASE(1, "fmul %%st(1),%%st")
        CASE(2, "fsub %%st(1),%%st")
        CASE(3, "fsubr %%st(1),%%st")
        CASE(4, "fdiv %%st(1),%%st")
        CASE(5, "fdivr %%st(1),%%st")
        CASE(6, "fsqrt")
        CASE(7, "frndint")
        CASE(8, "fscale")
        CASE(9, "fprem")
        CASE(10, "fprem1")
        CASE(11, "fxam")
        CASE(12, "fcom %%st(1)")
        CASE(13, "fucom %%st(1)")
        CASE(14, "ftst")
        CASE(15, "f2xm1")
        CASE(16, "fyl2x")
        CASE(17, "fyl2xp1")
        CASE(18, "fpatan")
        CASE(19, "fsin")
        CASE(20, "fcos")
        CASE(21, "fptan")
        CASE(22, "fsincos")
        CASE(23, "fxtract")
        CASE(24, "fsts %6")
        CASE(25, "fstl %6")
        CASE(26, "fists %6")
        CASE(27, "fistl %6")
        CASE(28, "fld %%st\n fistpll %6")
        default: return 1;
        }
        __asm__ volatile("fstpt %0\n fninit" : "=m"(o.st1));
        fwrite(&o, sizeof o, 1, stdout);
    }
    return 0;
}
