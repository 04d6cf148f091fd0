/// A stand-in for the driver's library: what it answers is in the environment, for tests of what the addon makes of it.
#include <cstdlib>

static int answer(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

extern "C" {
__attribute__((visibility("default"))) int cuInit(unsigned) { return answer("FAKE_CU_INIT", 0); }
__attribute__((visibility("default"))) int cuDriverGetVersion(int* version) {
  *version = answer("FAKE_CU_VERSION", 13000);
  return 0;
}
__attribute__((visibility("default"))) int cuDeviceGetCount(int* count) {
  *count = answer("FAKE_CU_COUNT", 1);
  return 0;
}
}
