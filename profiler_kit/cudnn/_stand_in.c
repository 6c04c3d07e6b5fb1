/* Stands in for NVIDIA's driver (libcuda.so.1) where none is installed, so that cuDNN's libraries can be loaded and
 * asked about a described device. Every call says that there is no device. cuDNN looks for further functions by name
 * and does without them. Loaded by path into a process of its own, never placed where a program looks for a driver. */

enum { CUDA_ERROR_NO_DEVICE = 100 };

int cuGetErrorString(int error, const char **text) {
    (void)error;
    if (text) *text = "no driver: this is profiler_kit's stand-in";
    return CUDA_ERROR_NO_DEVICE;
}
int cuModuleGetFunction(void) { return CUDA_ERROR_NO_DEVICE; }
int cuModuleLoadData(void) { return CUDA_ERROR_NO_DEVICE; }
int cuModuleUnload(void) { return CUDA_ERROR_NO_DEVICE; }
int cuTensorMapEncodeIm2col(void) { return CUDA_ERROR_NO_DEVICE; }
int cuTensorMapEncodeTiled(void) { return CUDA_ERROR_NO_DEVICE; }
