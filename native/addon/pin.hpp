/// Keeps this module mapped for as long as the process lives.
///
/// An addon loaded only in worker threads is unmapped when the last of them ends, under the feet of the pool's threads,
/// which outlive every environment. On Linux the linker flag -z nodelete says the same; this also holds elsewhere.
#pragma once

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace intermodel::addon {

inline void pinModule() {
  static const char anchor = 0;  // an address inside this module
#ifdef _WIN32
  HMODULE module = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<LPCWSTR>(&anchor), &module);
#else
  Dl_info info;
  // The handle is never closed: it is what keeps the module.
  if (dladdr(&anchor, &info) != 0 && info.dli_fname != nullptr) dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
#endif
}

}  // namespace intermodel::addon
