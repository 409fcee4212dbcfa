#include "machine.h"

#include <sys/mman.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define MOULT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOULT_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef MOULT_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace moult::emulated {

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::fputs("emulated device: ", stderr);
  std::vfprintf(stderr, format, arguments);
  std::fputc('\n', stderr);
  va_end(arguments);
  std::abort();
}

// MARK: Fibers

/// Sanitizers put more on the stack.
#ifdef MOULT_ADDRESS_SANITIZER
static constexpr size_t stack_bytes = 512 << 10;
#else
static constexpr size_t stack_bytes = 128 << 10;
#endif
static constexpr size_t guard_bytes = 4096;

#if defined(__x86_64__)
// Saves what a function must keep, and goes on where the other stack was left.
extern "C" void moult_emulated_switch(void **saved, void *next);
asm(R"(
.text
.globl moult_emulated_switch
.hidden moult_emulated_switch
.type moult_emulated_switch, @function
moult_emulated_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size moult_emulated_switch, .-moult_emulated_switch
)");

static void *prepared(unsigned char *stack, void (*entry)()) {
  // As after a call: the address to return to is 16-byte aligned, with six registers below it.
  void **top = reinterpret_cast<void **>(stack + stack_bytes - 64);
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(entry);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  return top;
}
#else
// Slower (a system call a switch), for other processors. A stack pointer is the address of a context.
static void moult_emulated_switch(void **saved, void *next) {
  ucontext_t own;
  *saved = &own;
  swapcontext(&own, static_cast<ucontext_t *>(next));
}

static void *prepared(unsigned char *stack, void (*entry)()) {
  ucontext_t *const context = new (stack) ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = stack + sizeof(ucontext_t);
  context->uc_stack.ss_size = stack_bytes - sizeof(ucontext_t);
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}
#endif

// MARK: Blocks

Machine &Machine::here() {
  static thread_local Machine machine;
  return machine;
}

Machine::Machine() {
  memory_ = static_cast<unsigned char *>(std::aligned_alloc(1024, shared_bytes_max));
  if (const char *order = std::getenv("MOULT_EMULATED_ORDER")) random_ = std::strtoull(order, nullptr, 10);
}

Machine::~Machine() {
  std::free(memory_);
  if (stacks_) munmap(stacks_, stack_count_ * (stack_bytes + guard_bytes));
}

void Machine::run(dim3 grid, dim3 block, size_t shared_bytes, size_t shared_most,
                  const std::function<void()> &body) {
  const size_t count = size_t(block.x) * block.y * block.z;
  if (thread) fail("a kernel launches a kernel");
  if (count == 0 || count > 1024 || block.z > 64) fail("a block of %zu threads", count);
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535) {
    fail("a grid of %u × %u × %u", grid.x, grid.y, grid.z);
  }
  if (shared_bytes > shared_most) fail("%zu bytes of shared memory", shared_bytes);
  if (stack_count_ < count) {
    if (stacks_) munmap(stacks_, stack_count_ * (stack_bytes + guard_bytes));
    stack_count_ = count <= 256 ? 256 : 1024;
    void *const mapped = mmap(nullptr, stack_count_ * (stack_bytes + guard_bytes), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) fail("no memory for stacks");
    stacks_ = static_cast<unsigned char *>(mapped);
    // Each guard is a mapping of its own, of which a process has 65,530: one that has many devices, as the tests in Swift,
    // goes without.
    const char *const protects = getenv("MOULT_EMULATED_PROTECT");
    const bool is_guarded = protects && *protects && *protects != '0';
    for (size_t i = 0; is_guarded && i < stack_count_; i++) {
      mprotect(stacks_ + i * (stack_bytes + guard_bytes), guard_bytes, PROT_NONE);
    }
  }
  block_size = block;
  grid_size = grid;
  dynamic_bytes_ = shared_bytes;
  shared_most_ = shared_most;
  current_machine = this;
  const uint64_t blocks = uint64_t(grid.x) * grid.y * grid.z;
  for (uint64_t i = 0; i < blocks; i++) {
    // Blocks may run in any order: with a seed the last one first.
    const uint64_t b = random_ ? blocks - 1 - i : i;
    block_index = {unsigned(b % grid.x), unsigned(b / grid.x % grid.y), unsigned(b / grid.x / grid.y)};
    run_block(body);
  }
  current_machine = nullptr;
}

void Machine::run_block(const std::function<void()> &body) {
  const unsigned count = block_size.x * block_size.y * block_size.z;
#ifdef MOULT_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(memory_, shared_bytes_max);
#endif
  // What nothing has written is not 0.
  const size_t dynamic_end = (dynamic_bytes_ + 1023) / 1024 * 1024;
  std::memset(memory_, 0xA5, dynamic_end);
  dynamic_offset_ = 0;
  static_end_ = dynamic_end + 64;
  static_bytes_ = 0;
#ifdef MOULT_ADDRESS_SANITIZER
  __asan_poison_memory_region(memory_ + dynamic_bytes_, shared_bytes_max - dynamic_bytes_);
#endif
  statics_.clear();
  threads_.resize(count);
  warps_.resize((count + 31) / 32);
  for (Warp &warp : warps_) warp.pending.clear();
  barriers_.assign(16, Barrier());
  waiters_.clear();
  ready_.clear();
  bulk_copies_.clear();
  body_ = &body;
  done_ = 0;
  for (unsigned i = 0; i < count; i++) {
    Thread &next = threads_[i];
    next.index = {i % block_size.x, i / block_size.x % block_size.y, i / block_size.x / block_size.y};
    next.linear = i;
    next.is_done = false;
    next.copies.clear();
    next.products.clear();
    next.fences = 0;
    next.stack_pointer = prepared(stacks_ + i * (stack_bytes + guard_bytes) + guard_bytes, &Machine::enter);
    ready_.push_back(&next);
  }
  while (done_ < count) {
    // Those that wait for memory are asked again when nothing else can go on, and only then do bulk copies come in.
    if (ready_.empty()) {
      for (size_t w = 0; w < waiters_.size();) {
        if ((*waiters_[w].has_come)()) {
          wake(waiters_[w].thread);
          waiters_.erase(waiters_.begin() + w);
        } else {
          w++;
        }
      }
      if (ready_.empty() && !bulk_copies_.empty()) {
        bulk_copies_.front()();
        bulk_copies_.pop_front();
        continue;
      }
    }
    if (ready_.empty()) {
      for (const Warp &warp : warps_) {
        for (const Collective &pending : warp.pending) {
          std::fprintf(stderr, "warp %zu waits in %s: mask %08x, arrived %08x\n", size_t(&warp - warps_.data()),
                       pending.name, pending.mask, pending.arrived);
        }
      }
      for (size_t b = 0; b < barriers_.size(); b++) {
        if (barriers_[b].arrived) std::fprintf(stderr, "barrier %zu: %u of %u\n", b, barriers_[b].arrived,
                                               barriers_[b].expected);
      }
      for (const Waiter &waiter : waiters_) {
        std::fprintf(stderr, "thread %u waits for %s\n", waiter.thread->linear, waiter.what);
      }
      fail("block %u, %u, %u hangs: %u of %u threads have ended", block_index.x, block_index.y, block_index.z, done_,
           count);
    }
    if (random_) {
      random_ = random_ * 6364136223846793005u + 1442695040888963407u;
      std::swap(ready_.front(), ready_[(random_ >> 33) % ready_.size()]);
    }
    Thread *const next = ready_.front();
    ready_.pop_front();
    resume(next);
  }
  for (const Barrier &barrier : barriers_) {
    if (barrier.arrived) fail("a barrier was left with %u of %u threads", barrier.arrived, barrier.expected);
  }
  for (const Thread &ended : threads_) {
    for (const auto &group : ended.products) {
      if (!group.empty()) fail("thread %u ended before its matrix products", ended.linear);
    }
  }
#ifdef MOULT_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(memory_, shared_bytes_max);
#endif
}

void Machine::resume(Thread *next) {
  thread = next;
  moult_emulated_switch(&scheduler_stack_pointer_, next->stack_pointer);
  thread = nullptr;
}

void Machine::suspend() {
  Thread *const own = thread;
  moult_emulated_switch(&own->stack_pointer, scheduler_stack_pointer_);
}

void Machine::enter() {
  Machine &machine = here();
  (*machine.body_)();
  machine.thread->is_done = true;
  machine.done_++;
  machine.suspend();
  fail("a thread went on after its end");
}

// MARK: Waiting

void Machine::barrier(unsigned number, unsigned count, bool waits) {
  if (number >= barriers_.size()) fail("barrier %u", number);
  if (count == 0) count = unsigned(threads_.size());
  Barrier &barrier = barriers_[number];
  if (barrier.arrived == 0) barrier.expected = count;
  if (barrier.expected != count) fail("barrier %u: %u threads or %u", number, count, barrier.expected);
  barrier.arrived++;
  if (barrier.arrived < count) {
    if (!waits) return;
    barrier.waiting.push_back(thread);
    suspend();
    return;
  }
  for (Thread *other : barrier.waiting) wake(other);
  barrier.waiting.clear();
  barrier.arrived = 0;
}

void Machine::collective(unsigned mask, const char *name, const void *operand, void *result,
                         void (*work)(Thread *const *lanes, unsigned mask, const void *context),
                         const void *context) {
  Thread *const own = thread;
  own->operand = operand;
  own->result = result;
  const unsigned bit = 1u << own->lane();
  if (!(mask & bit)) fail("%s: lane %u is not in its mask %08x", name, own->lane(), mask);
  std::vector<Collective> &pending = warps_[own->warp()].pending;
  size_t place = 0;
  while (place < pending.size() && pending[place].mask != mask) {
    if (pending[place].mask & mask) fail("%s: masks %08x and %08x", name, mask, pending[place].mask);
    place++;
  }
  if (place == pending.size()) pending.push_back({name, mask, 0});
  if (pending[place].name != name && std::strcmp(pending[place].name, name) != 0) fail("lanes meet in %s and %s", name, pending[place].name);
  pending[place].arrived |= bit;
  if (pending[place].arrived != mask) return suspend();
  pending.erase(pending.begin() + place);
  Thread *lanes[32];
  const unsigned first = own->warp() * 32;
  for (unsigned i = 0; i < 32; i++) lanes[i] = first + i < threads_.size() ? &threads_[first + i] : nullptr;
  work(lanes, mask, context);
  for (unsigned i = 0; i < 32; i++) {
    if ((mask >> i & 1) && lanes[i] != own) wake(lanes[i]);
  }
}

void Machine::wait(const char *what, const std::function<bool()> &has_come) {
  if (has_come()) return;
  waiters_.push_back({thread, &has_come, what});
  suspend();
}

void Machine::issue_bulk_copy(std::function<void()> copy) { bulk_copies_.push_back(std::move(copy)); }

// MARK: Shared memory

unsigned char *Machine::shared(size_t offset) {
  if (offset >= shared_bytes_max) fail("shared address %zu", offset);
  return memory_ + offset;
}

uint32_t Machine::shared_offset(const void *pointer) const {
  const unsigned char *const byte = static_cast<const unsigned char *>(pointer);
  if (byte < memory_ || byte >= memory_ + shared_bytes_max) fail("not an address of shared memory");
  return uint32_t(byte - memory_);
}

void *Machine::static_shared(const void *key, size_t bytes) {
  for (const Place &place : statics_) {
    if (place.key == key) return memory_ + place.offset;
  }
  const size_t offset = (static_end_ + 127) / 128 * 128;
  if (offset + bytes > shared_bytes_max || bytes > 48 * 1024) fail("static shared memory of %zu bytes", bytes);
  static_end_ = offset + bytes + 64;
  // The hardware knows before the launch; here a variable is known once it is reached. Dynamic shared memory comes after
  // the static, aligned to 1024 bytes.
  static_bytes_ += (bytes + 15) / 16 * 16;
  const size_t own = dynamic_bytes_ ? (static_bytes_ + 1023) / 1024 * 1024 : static_bytes_;
  if (dynamic_bytes_ + own > shared_most_) {
    fail("%zu bytes of shared memory at launch and %zu of the kernel's: %zu are allowed", dynamic_bytes_, own,
         shared_most_);
  }
  statics_.push_back({key, offset});
#ifdef MOULT_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(memory_ + offset, bytes);
#endif
  std::memset(memory_ + offset, 0xA5, bytes);
  return memory_ + offset;
}

}  // namespace moult::emulated
