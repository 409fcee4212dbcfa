// The emulated multiprocessor: one block of threads at a time, each thread a fiber of the calling OS thread. A fiber
// runs until it has to wait: at a barrier, in a warp's collective operation, for a memory barrier. What the hardware
// does by itself and later (cp.async, bulk copies, wgmma) happens here as late as it may, so that a wait that was
// forgotten shows as a wrong result. A mistake that the hardware would answer with nonsense or a hang ends the process
// with a message.
#ifndef MOULT_EMULATED_MACHINE_H
#define MOULT_EMULATED_MACHINE_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <type_traits>
#include <vector>

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace moult::emulated {

[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// A block's shared memory; offsets are what the hardware calls shared addresses, 18 bits in matrix descriptors.
constexpr size_t shared_bytes_max = 1 << 18;

struct Thread {
  uint3 index;
  unsigned linear;
  void *stack_pointer;
  /// In a collective operation: what the lane brings and where its result goes.
  const void *operand;
  void *result;
  /// Copies that were issued, by groups; the last group is not committed yet.
  std::deque<std::vector<std::function<void()>>> copies;
  /// Matrix products likewise.
  std::deque<std::vector<std::function<void()>>> products;
  unsigned fences;  ///< wgmma.fence since the accumulators were touched, for checks
  bool is_done;

  unsigned lane() const { return linear % 32; }
  unsigned warp() const { return linear / 32; }
};

/// Lanes of a warp that wait for the others of their mask.
struct Collective {
  const char *name;
  unsigned mask, arrived;
};

struct Warp {
  std::vector<Collective> pending;
};

struct Barrier {
  unsigned expected = 0;
  unsigned arrived = 0;
  std::vector<Thread *> waiting;
};

class Machine {
 public:
  /// Of the calling OS thread.
  static Machine &here();

  /// `shared_most`: what dynamic and static shared memory may be together.
  void run(dim3 grid, dim3 block, size_t shared_bytes, size_t shared_most, const std::function<void()> &body);

  Thread *thread = nullptr;
  uint3 block_index{};
  dim3 block_size, grid_size;

  void barrier(unsigned number, unsigned count, bool waits = true);
  /// Waits for all lanes of `mask`; the last one does `work` with the 32 threads of the warp, for all.
  void collective(unsigned mask, const char *name, const void *operand, void *result,
                  void (*work)(Thread *const *lanes, unsigned mask, const void *context), const void *context);
  /// Others run; called again until what is waited for has come.
  void wait(const char *what, const std::function<bool()> &has_come);
  void issue_bulk_copy(std::function<void()> copy);

  unsigned char *shared(size_t offset);
  uint32_t shared_offset(const void *pointer) const;
  unsigned char *dynamic_shared() const { return memory_ + dynamic_offset_; }
  /// A static variable of the block: the same place for all its threads.
  void *static_shared(const void *key, size_t bytes);

 private:
  Machine();
  ~Machine();
  void run_block(const std::function<void()> &body);
  void resume(Thread *next);
  void suspend();
  void wake(Thread *other) { ready_.push_back(other); }
  static void enter();

  struct Place {
    const void *key;
    size_t offset;
  };
  struct Waiter {
    Thread *thread;
    const std::function<bool()> *has_come;
    const char *what;
  };

  unsigned char *memory_;
  unsigned char *stacks_ = nullptr;
  size_t stack_count_ = 0;
  size_t dynamic_offset_ = 0, dynamic_bytes_ = 0, static_end_ = 0, static_bytes_ = 0, shared_most_ = 0;
  std::vector<Place> statics_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<Barrier> barriers_;
  std::vector<Waiter> waiters_;
  std::deque<Thread *> ready_;
  std::deque<std::function<void()>> bulk_copies_;
  const std::function<void()> *body_ = nullptr;
  void *scheduler_stack_pointer_ = nullptr;
  unsigned done_ = 0;
  uint64_t random_ = 0;
};

/// Of the OS thread, while a kernel runs.
inline thread_local Machine *current_machine = nullptr;

/// The state of the calling thread of a kernel.
inline Machine &machine() {
  if (__builtin_expect(!current_machine, 0)) fail("device code was called on the host");
  return *current_machine;
}

template <typename Variable, typename Key>
Variable &shared_variable(Key) {
  static const char key = 0;
  static_assert(std::is_trivially_destructible_v<std::remove_all_extents_t<Variable>>);
  return *reinterpret_cast<Variable *>(machine().static_shared(&key, sizeof(Variable)));
}

}  // namespace moult::emulated
#endif
