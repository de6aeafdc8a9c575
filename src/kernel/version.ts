/** The Linux release whose behaviour Culm follows, as uname(2) and /proc/version give it. */
export const RELEASE = '6.1.0-culm';
export const VERSION = '#1 SMP PREEMPT_DYNAMIC Culm';
