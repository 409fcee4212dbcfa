// Checks the library through its table: correctness of every family against references on the CPU, then rates against
// the measured copy bandwidth and matrix rate. Needs nothing but a GPU; without one it says so and exits with 77.
// `check` builds and runs it.
#include <cuda_runtime.h>

#include "check.h"
#include "check_library.h"
#if __has_include("check_exact.h") && (!defined(MOULT_CHECK_ONLY) || defined(MOULT_CHECK_exact))
#include "check_exact.h"
#include "check_exact_int8.h"
#endif
#if __has_include("check_hamming.h") && (!defined(MOULT_CHECK_ONLY) || defined(MOULT_CHECK_hamming))
#include "check_hamming.h"
#endif
#if __has_include("check_encode.h") && (!defined(MOULT_CHECK_ONLY) || defined(MOULT_CHECK_encode))
#include "check_encode.h"
#endif
#if __has_include("check_nearest.h") && (!defined(MOULT_CHECK_ONLY) || defined(MOULT_CHECK_nearest))
#include "check_nearest.h"
#endif
#if __has_include("check_map_rows.h") && (!defined(MOULT_CHECK_ONLY) || defined(MOULT_CHECK_map_rows))
#include "check_map_rows.h"
#endif
#if __has_include("check_graph.h") && (!defined(MOULT_CHECK_ONLY) || defined(MOULT_CHECK_graph))
#include "check_graph.h"
#endif

namespace moult_symbol {
extern "C" const ::moult_device_library *moult_device_library(void);
}

namespace check {

static void print_json(const Check &check) {
  printf("{\"device\": \"%s\", \"path\": \"%s\", \"capability\": \"%d.%d\", \"copy_bytes_per_s\": %.4g, "
         "\"bf16_macs_per_s\": %.4g, \"int8_macs_per_s\": %.4g, \"expectations\": %llu, \"failures\": %d, \"rates\": [",
         check.info.name, check.info.matrix_path, check.info.major, check.info.minor, check.info.copy_bytes_per_s,
         check.info.bf16_macs_per_s, check.info.int8_macs_per_s,
         static_cast<unsigned long long>(check.expectations), check.failures);
  for (size_t i = 0; i < check.rates.size(); i++) {
    const Rate &rate = check.rates[i];
    printf("%s\n  {\"part\": \"%s\", \"what\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"share\": %.4g, "
           "\"ceiling\": \"%s\", \"note\": \"%s\"}",
           i ? "," : "", rate.part.c_str(), rate.what.c_str(), rate.value, rate.unit.c_str(), rate.share,
           rate.ceiling.c_str(), rate.note.c_str());
  }
  printf("]}\n");
}

static void print_table(const Check &check) {
  printf("%s, compute capability %d.%d, %s: copy %.0f GB/s, to %.1f and from the device %.1f GB/s,\n"
         "bf16 %.1f, int8 %.1f, f32 %.1f TFLOP/s of our kernels\n",
         check.info.name, check.info.major, check.info.minor, check.info.matrix_path, check.info.copy_bytes_per_s / 1e9,
         check.info.to_device_bytes_per_s / 1e9, check.info.from_device_bytes_per_s / 1e9,
         check.info.bf16_macs_per_s / 5e11, check.info.int8_macs_per_s / 5e11, check.info.f32_macs_per_s / 5e11);
  for (const Rate &rate : check.rates) {
    printf("%-10s %-48s %10.4g %-9s", rate.part.c_str(), rate.what.c_str(), rate.value, rate.unit.c_str());
    if (rate.share > 0) printf(" %5.1f %% of %s", 100 * rate.share, rate.ceiling.c_str());
    printf("%s%s\n", rate.note.empty() ? "" : "  ", rate.note.c_str());
  }
}

static int run(int argc, char **argv) {
  bool is_json = false;
  const char *only = nullptr;
  Check check;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--json") == 0) is_json = true;
    else if (strcmp(argv[i], "--quick") == 0) check.is_quick = true;
    else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) only = argv[++i];
    else {
      fprintf(stderr, "check [--json] [--quick] [--only PART]\n");
      return 2;
    }
  }
#ifdef MOULT_EMULATED
  check.is_emulated = true;
#endif
  check.library = moult_symbol::moult_device_library();
  char message[256];
  const moult_device_status status = check.library->open(0, &check.device, message, sizeof message);
  if (status != MOULT_DEVICE_OK) {
    fprintf(stderr, "no GPU to check: %s\n", message);
    return 77;
  }
  if (!check.expect_status(check.library->describe(check.device, &check.info), MOULT_DEVICE_OK, "describe")) return 1;
  for (const Part *part : Part::all()) {
    if (only && strcmp(only, part->name) != 0) continue;
    check.part = part->name;
    // Opening reads the environment again: the faults of the part before are over.
    if (check.is_emulated) Handle restored(check);
    const int before = check.failures;
    const auto start = std::chrono::steady_clock::now();
    part->correctness(check);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fprintf(stderr, "%s: %s in %.1f s\n", part->name, check.failures == before ? "right" : "WRONG", seconds);
    if (part->rates && !check.is_emulated && !check.is_quick && check.failures == before) part->rates(check);
  }
  check.library->close(check.device);
  if (is_json) print_json(check);
  else print_table(check);
  fprintf(stderr, "%llu expectations, %d failures\n", static_cast<unsigned long long>(check.expectations),
          check.failures);
  return check.failures ? 1 : 0;
}

}  // namespace check

int main(int argc, char **argv) { return check::run(argc, argv); }
