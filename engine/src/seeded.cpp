// What a key holder encrypts and makes with SEAL's seeds: ciphertexts and evaluation keys whose second polynomials are
// uniform, and stand in the bytes as the 64-byte seeds that they were drawn from. That is half of the bytes.
//
// All that touches the secret key or randomness is SEAL's own code: Encryptor::encrypt_symmetric and
// KeyGenerator::create_*_keys as Serializable, linked from the very library that Pyfhel was built with. Here are only
// the ways in and out. SEAL expands a seed wherever it loads such bytes, so receivers need no part of this.

#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "seal/seal.h"

namespace nb = nanobind;

namespace {

seal::SEALContext context_of(std::size_t ring_dimension, const std::vector<std::uint64_t> &primes) {
    seal::EncryptionParameters parameters(seal::scheme_type::ckks);
    parameters.set_poly_modulus_degree(ring_dimension);
    parameters.set_coeff_modulus(std::vector<seal::Modulus>(primes.begin(), primes.end()));
    // 128 bits are the floor of all plans; the caller has checked a stricter table, and higher levels.
    seal::SEALContext context(parameters, true, seal::sec_level_type::tc128);
    if (!context.parameters_set()) {
        throw nb::value_error(context.parameter_error_message());
    }
    return context;
}

template <class Saved>
nb::bytes bytes_of(const Saved &saved) {
    std::ostringstream stream;
    saved.save(stream, seal::compr_mode_type::none);
    const std::string text = stream.str();
    return nb::bytes(text.data(), text.size());
}

template <class Loaded>
Loaded loaded(const seal::SEALContext &context, const nb::bytes &data, const char *name) {
    Loaded result;
    try {
        result.load(context, reinterpret_cast<const seal::seal_byte *>(data.c_str()), data.size());
    } catch (const std::exception &error) {
        throw nb::value_error((std::string(name) + " isn't SEAL's bytes for these parameters: " + error.what()).c_str());
    }
    return result;
}

// A secret key, and what SEAL makes with it.
class SecretKey {
public:
    SecretKey(std::size_t ring_dimension, const std::vector<std::uint64_t> &primes, const nb::bytes &secret)
        : context_(context_of(ring_dimension, primes)),
          secret_(loaded<seal::SecretKey>(context_, secret, "secret")),
          encryptor_(context_, secret_),
          generator_(context_, secret_) {}

    nb::bytes encrypt(const nb::bytes &plaintext) const {
        return bytes_of(encryptor_.encrypt_symmetric(loaded<seal::Plaintext>(context_, plaintext, "plaintext")));
    }

    nb::bytes relinearisation_key() { return bytes_of(generator_.create_relin_keys()); }

    nb::bytes rotation_keys(const std::vector<std::uint32_t> &elements) {
        return bytes_of(generator_.create_galois_keys(elements));
    }

private:
    seal::SEALContext context_;
    seal::SecretKey secret_;
    seal::Encryptor encryptor_;
    seal::KeyGenerator generator_;
};

}  // namespace

NB_MODULE(seeded, module) {
    nb::class_<SecretKey>(module, "SecretKey")
        .def(nb::init<std::size_t, const std::vector<std::uint64_t> &, const nb::bytes &>(), nb::arg("ring_dimension"),
             nb::arg("primes"), nb::arg("secret"))
        .def("encrypt", &SecretKey::encrypt, nb::arg("plaintext"))
        .def("relinearisation_key", &SecretKey::relinearisation_key)
        .def("rotation_keys", &SecretKey::rotation_keys, nb::arg("elements"));
}
