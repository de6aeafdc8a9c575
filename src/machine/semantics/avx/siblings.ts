/** Which VEX instructions are siblings of SSE's, and in what they differ. */
import type { Semantics, SemanticsTable } from '../emitter.js';
import { AVX_PREDICATES, comparePacked, compareScalar } from '../sse/compare.js';
import { sse } from '../sse/index.js';
import { sibling, type Difference } from './halves.js';

const names = (text: string): string[] => text.trim().split(/\s+/);

/** Four formats of one stem. */
const allFormats = (stems: string): string[] =>
  names(stems).flatMap((stem) => ['ps', 'pd', 'ss', 'sd'].map((format) => stem + format));
const packedFormats = (stems: string): string[] => names(stems).flatMap((stem) => [`${stem}ps`, `${stem}pd`]);

/** With two sources, the first of which SSE overwrites. */
const MERGING = names(`
  andps andpd andnps andnpd orps orpd xorps xorpd unpcklps unpcklpd unpckhps unpckhpd
  punpcklbw punpcklwd punpckldq punpcklqdq punpckhbw punpckhwd punpckhdq punpckhqdq
  packsswb packssdw packuswb packusdw pcmpeqb pcmpeqw pcmpeqd pcmpeqq pcmpgtb pcmpgtw pcmpgtd pcmpgtq
  psrlw psrld psrlq psraw psrad psllw pslld psllq psrldq pslldq
  paddb paddw paddd paddq psubb psubw psubd psubq paddsb paddsw paddusb paddusw psubsb psubsw psubusb psubusw
  pminsb pminsw pminsd pminub pminuw pminud pmaxsb pmaxsw pmaxsd pmaxub pmaxuw pmaxud pavgb pavgw
  pmullw pmulld pmulhw pmulhuw pmulhrsw pmuludq pmuldq pmaddwd pmaddubsw psadbw pand pandn por pxor
  pshufb phaddw phaddd phaddsw phsubw phsubd phsubsw psignb psignw psignd
  pinsrb pinsrw pinsrd shufps pblendw palignr insertps movlhps movhlps
  rcpss rsqrtss pblendvb blendvps blendvpd
`);
const MERGING_FLOAT = [
  ...allFormats('add sub mul div min max'),
  ...packedFormats('hadd hsub addsub'),
  ...names('sqrtss sqrtsd cvtsi2ss cvtsi2sd cvtss2sd cvtsd2ss roundss roundsd dpps dppd'),
];

/** With one source. */
const PLAIN = names(`
  movddup movsldup movshdup pshufd pshufhw pshuflw pabsb pabsw pabsd phminposuw rcpps rsqrtps
  movd movq pextrb pextrw pextrd extractps pcmpestri pcmpestrm pcmpistri pcmpistrm
  ldmxcsr stmxcsr maskmovdqu
`);
const PLAIN_FLOAT = names(`
  sqrtps sqrtpd cvtdq2ps cvtps2dq cvttps2dq roundps roundpd ucomiss ucomisd comiss comisd
  cvtss2si cvtsd2si cvttss2si cvttsd2si
`);
const WIDENING = names(`
  pmovsxbw pmovsxbd pmovsxbq pmovsxwd pmovsxwq pmovsxdq pmovzxbw pmovzxbd pmovzxbq pmovzxwd pmovzxwq pmovzxdq
  cvtdq2pd
`);
const NARROWING = names('cvtpd2ps cvtpd2dq cvttpd2dq');

function all(of: readonly string[], difference: Difference): SemanticsTable {
  return Object.fromEntries(
    of.map((name) => {
      const meaning = sse[name];
      if (meaning === undefined) throw new Error(`SSE has no ${name}`);
      return [`v${name}`, sibling(meaning, difference)];
    }),
  );
}

/** Moves of 8 bytes: to memory, or from memory into another register's copy. */
function halfMove(name: string): [string, Semantics] {
  const meaning = sse[name] as Semantics;
  const merging = sibling(meaning, { merges: true });
  return [`v${name}`, (e) => (e.form.operands.length === 3 ? merging(e) : meaning(e))];
}

const merging = { merges: true, raises: true };

export const SIBLINGS: SemanticsTable = {
  ...all(MERGING, { merges: true }),
  ...all(MERGING_FLOAT, merging),
  ...all(PLAIN, { merges: false }),
  ...all(PLAIN_FLOAT, { merges: false, raises: true }),
  ...all(WIDENING, { merges: false, widens: true }),
  ...all(['cvtps2pd'], { merges: false, widens: true, raises: true }),
  ...all(NARROWING, { merges: false, narrows: true, raises: true }),
  ...all(['shufpd', 'blendpd'], { merges: true, immediateShift: 2 }),
  ...all(['blendps'], { merges: true, immediateShift: 4 }),
  ...all(['mpsadbw'], { merges: true, immediateShift: 3 }),
  ...Object.fromEntries(['movlps', 'movlpd', 'movhps', 'movhpd'].map(halfMove)),
  vcmpps: sibling(comparePacked('ps', AVX_PREDICATES), merging),
  vcmppd: sibling(comparePacked('pd', AVX_PREDICATES), merging),
  vcmpss: sibling(compareScalar('ss', AVX_PREDICATES), merging),
  vcmpsd: sibling(compareScalar('sd', AVX_PREDICATES), merging),
};
