/** Offsets in signal frames against the C compiler's. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  SC_CR2,
  SC_EFLAGS,
  SC_ERR,
  SC_FPSTATE,
  SC_OLDMASK,
  SC_RIP,
  SC_SEGMENTS,
  SC_TRAPNO,
  UC_LINK,
  UC_MCONTEXT,
  UC_SIGMASK,
  UC_STACK,
} from './frame.js';
import { SIGINFO_FIELDS, SIGINFO_SIZE } from './info.js';

const OURS: Readonly<Record<string, number>> = {
  'offsetof(struct ucontext, uc_link)': UC_LINK,
  'offsetof(struct ucontext, uc_stack)': UC_STACK,
  'offsetof(struct ucontext, uc_mcontext)': UC_MCONTEXT,
  'offsetof(struct ucontext, uc_sigmask)': UC_SIGMASK,
  'offsetof(struct sigcontext, rip)': SC_RIP,
  'offsetof(struct sigcontext, eflags)': SC_EFLAGS,
  'offsetof(struct sigcontext, cs)': SC_SEGMENTS,
  'offsetof(struct sigcontext, err)': SC_ERR,
  'offsetof(struct sigcontext, trapno)': SC_TRAPNO,
  'offsetof(struct sigcontext, oldmask)': SC_OLDMASK,
  'offsetof(struct sigcontext, cr2)': SC_CR2,
  'offsetof(struct sigcontext, fpstate)': SC_FPSTATE,
  'sizeof(siginfo_t)': SIGINFO_SIZE,
  'offsetof(siginfo_t, si_pid)': SIGINFO_FIELDS,
  'offsetof(siginfo_t, si_addr)': SIGINFO_FIELDS,
  'offsetof(siginfo_t, si_tid)': SIGINFO_FIELDS,
  'offsetof(siginfo_t, si_uid)': SIGINFO_FIELDS + 4,
  'offsetof(siginfo_t, si_overrun)': SIGINFO_FIELDS + 4,
  'offsetof(siginfo_t, si_status)': SIGINFO_FIELDS + 8,
  'offsetof(siginfo_t, si_value)': SIGINFO_FIELDS + 8,
  'offsetof(siginfo_t, si_utime)': SIGINFO_FIELDS + 16,
  'offsetof(siginfo_t, si_stime)': SIGINFO_FIELDS + 24,
};

/** The kernel's own headers have the structs as the kernel writes them, the C library's are larger. */
function compilersAnswers(expressions: readonly string[]): number[] {
  const folder = mkdtempSync(join(tmpdir(), 'culm-frame-'));
  try {
    const lines = expressions.map((text) => `printf("%d\\n", (int)(${text}));`).join('\n');
    const headers = [
      'stddef.h',
      'stdio.h',
      'asm/siginfo.h',
      'asm/signal.h',
      'asm/sigcontext.h',
      'asm/ucontext.h',
    ];
    const source = `${headers.map((name) => `#include <${name}>`).join('\n')}\nint main(void) {\n${lines}\n}\n`;
    writeFileSync(join(folder, 'frame.c'), source);
    execFileSync('gcc', ['-o', join(folder, 'frame'), join(folder, 'frame.c')]);
    return execFileSync(join(folder, 'frame'), { encoding: 'utf8' }).trim().split('\n').map(Number);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('signal frames', () => {
  it('are laid out as in the headers', () => {
    const names = Object.keys(OURS);
    const answers = compilersAnswers(names);
    assert.deepEqual(Object.fromEntries(names.map((name, i) => [name, answers[i]])), OURS);
  });
});
