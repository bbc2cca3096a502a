// Loops that compilers should vectorise.
#pragma once

// The columns that such a loop reads and writes never overlap; compilers do not see that by
// themselves.
#if defined(__clang__)
#define STT_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define STT_VECTORIZE _Pragma("GCC ivdep")
#else
#define STT_VECTORIZE
#endif
