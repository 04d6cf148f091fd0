#define INTERMODEL_ISA_AVX512
#define INTERMODEL_ISA_NAME "avx512"
#include "table.hpp"

constinit const intermodel::KernelTable intermodel::kAvx512Kernels = intermodel::kernelTable();
