/// The contract of the library that is built from this folder. It lies among the public headers, where Swift sees it.
#include "../include/moult/device_abi.h"
