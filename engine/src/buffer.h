// Aligned memory that frees itself, and a thread's store of scratch memory.
#pragma once
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "arithmetic.h"

namespace blindsight {

// Words between rows that are read at the same time, beyond their length. Rows a multiple of 4096 bytes apart share
// the sets of the first-level cache, which then holds a few lines of each only. This is the largest single cost
// that a layout can add.
constexpr std::size_t kRowPadding = 72;

// Asks for pages of 2 MiB where memory is large: streams of weights and rows far apart would miss the table of pages.
inline void prefer_large_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#ifdef __linux__
  constexpr std::uintptr_t kPage = 4096;
  constexpr std::size_t kLarge = std::size_t{4} << 20;
  if (bytes < kLarge) return;
  const std::uintptr_t start = (reinterpret_cast<std::uintptr_t>(memory) + kPage - 1) / kPage * kPage;
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(memory) + bytes;
  (void)madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);  // refused, pages stay small
#endif
}

struct AlignedDelete {
  void operator()(u64* words) const noexcept { ::operator delete[](words, std::align_val_t{64}); }
};

// Words, not initialised, on a cache line's boundary.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size)
      : words_(static_cast<u64*>(::operator new[](size * sizeof(u64), std::align_val_t{64}))), size_(size) {
    prefer_large_pages(words_.get(), size * sizeof(u64));
  }

  u64* data() noexcept { return words_.get(); }
  const u64* data() const noexcept { return words_.get(); }
  std::size_t size() const noexcept { return size_; }
  u64* release() noexcept { return words_.release(); }

 private:
  std::unique_ptr<u64[], AlignedDelete> words_;
  std::size_t size_ = 0;
};

// Scratch memory of one thread: taken within a `ScratchScope`, given back at its end, and kept for the next one.
// A thread holds as much as its largest call took.
class Scratch {
 public:
  static Scratch& of_this_thread() {
    static thread_local Scratch scratch;
    return scratch;
  }

 private:
  friend class ScratchScope;
  static constexpr std::size_t kLeastChunk = std::size_t{1} << 19;  // words: 4 MiB
  std::vector<Buffer> chunks_;
  std::size_t chunk_ = 0;  // the one that is being given out
  std::size_t used_ = 0;   // words of it
};

class ScratchScope {
 public:
  ScratchScope() : scratch_(Scratch::of_this_thread()), chunk_(scratch_.chunk_), used_(scratch_.used_) {}
  ~ScratchScope() {
    scratch_.chunk_ = chunk_;
    scratch_.used_ = used_;
  }
  ScratchScope(const ScratchScope&) = delete;
  ScratchScope& operator=(const ScratchScope&) = delete;

  // Words, not initialised, on a cache line's boundary.
  u64* take(std::size_t size) {
    Scratch& s = scratch_;
    size = (size + 7) / 8 * 8 + kRowPadding;
    while (s.chunk_ < s.chunks_.size() && s.used_ + size > s.chunks_[s.chunk_].size()) {
      ++s.chunk_;
      s.used_ = 0;
    }
    if (s.chunk_ == s.chunks_.size()) {
      s.chunks_.emplace_back(size > Scratch::kLeastChunk ? size : Scratch::kLeastChunk);
      s.used_ = 0;
    }
    u64* words = s.chunks_[s.chunk_].data() + s.used_;
    s.used_ += size;
    return words;
  }

 private:
  Scratch& scratch_;
  std::size_t chunk_;
  std::size_t used_;
};

}  // namespace blindsight
