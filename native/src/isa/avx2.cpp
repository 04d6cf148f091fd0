#define INTERMODEL_ISA_AVX2
#define INTERMODEL_ISA_NAME "avx2"
#include "table.hpp"

constinit const intermodel::KernelTable intermodel::kAvx2Kernels = intermodel::kernelTable();
