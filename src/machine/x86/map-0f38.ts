import type { Row } from './table.js';

/** Three-byte opcodes 0F 38. */

/** An MMX instruction of SSSE3 and its SSE sibling. */
function both(opcode: string, mnemonic: string): Row[] {
  return [
    [`NP ${opcode}`, mnemonic, 'Pq,Qq', 'SSSE3'],
    [`66 ${opcode}`, mnemonic, 'Vx,Wx', 'SSSE3'],
  ];
}

export const ROWS_0F38: readonly Row[] = [
  ...both('00', 'pshufb'),
  ...both('01', 'phaddw'),
  ...both('02', 'phaddd'),
  ...both('03', 'phaddsw'),
  ...both('04', 'pmaddubsw'),
  ...both('05', 'phsubw'),
  ...both('06', 'phsubd'),
  ...both('07', 'phsubsw'),
  ...both('08', 'psignb'),
  ...both('09', 'psignw'),
  ...both('0A', 'psignd'),
  ...both('0B', 'pmulhrsw'),
  ['66 10', 'pblendvb', 'Vdq,Wdq,XMM0', 'SSE4.1'],
  ['66 14', 'blendvps', 'Vdq,Wdq,XMM0', 'SSE4.1'],
  ['66 15', 'blendvpd', 'Vdq,Wdq,XMM0', 'SSE4.1'],
  ['66 17', 'ptest', 'Vx,Wx', 'SSE4.1 >OSZAPC'],
  ...both('1C', 'pabsb'),
  ...both('1D', 'pabsw'),
  ...both('1E', 'pabsd'),
  ['66 20', 'pmovsxbw', 'Vx,Wq', 'SSE4.1'],
  ['66 21', 'pmovsxbd', 'Vx,Wd', 'SSE4.1'],
  ['66 22', 'pmovsxbq', 'Vx,Ww', 'SSE4.1'],
  ['66 23', 'pmovsxwd', 'Vx,Wq', 'SSE4.1'],
  ['66 24', 'pmovsxwq', 'Vx,Wd', 'SSE4.1'],
  ['66 25', 'pmovsxdq', 'Vx,Wq', 'SSE4.1'],
  ['66 28', 'pmuldq', 'Vx,Wx', 'SSE4.1'],
  ['66 29', 'pcmpeqq', 'Vx,Wx', 'SSE4.1'],
  ['66 2A', 'movntdqa', 'Vx,Mx', 'SSE4.1'],
  ['66 2B', 'packusdw', 'Vx,Wx', 'SSE4.1'],
  ['66 30', 'pmovzxbw', 'Vx,Wq', 'SSE4.1'],
  ['66 31', 'pmovzxbd', 'Vx,Wd', 'SSE4.1'],
  ['66 32', 'pmovzxbq', 'Vx,Ww', 'SSE4.1'],
  ['66 33', 'pmovzxwd', 'Vx,Wq', 'SSE4.1'],
  ['66 34', 'pmovzxwq', 'Vx,Wd', 'SSE4.1'],
  ['66 35', 'pmovzxdq', 'Vx,Wq', 'SSE4.1'],
  ['66 37', 'pcmpgtq', 'Vx,Wx', 'SSE4.2'],
  ['66 38', 'pminsb', 'Vx,Wx', 'SSE4.1'],
  ['66 39', 'pminsd', 'Vx,Wx', 'SSE4.1'],
  ['66 3A', 'pminuw', 'Vx,Wx', 'SSE4.1'],
  ['66 3B', 'pminud', 'Vx,Wx', 'SSE4.1'],
  ['66 3C', 'pmaxsb', 'Vx,Wx', 'SSE4.1'],
  ['66 3D', 'pmaxsd', 'Vx,Wx', 'SSE4.1'],
  ['66 3E', 'pmaxuw', 'Vx,Wx', 'SSE4.1'],
  ['66 3F', 'pmaxud', 'Vx,Wx', 'SSE4.1'],
  ['66 40', 'pmulld', 'Vx,Wx', 'SSE4.1'],
  ['66 41', 'phminposuw', 'Vdq,Wdq', 'SSE4.1'],
  ['F2 F0', 'crc32', 'Gy,Eb', 'SSE4.2'],
  ['F2 F1', 'crc32', 'Gy,Ev', 'SSE4.2'],
];
