//! The suite: what every store must do, as a library of cases.
//!
//! A store runs all of it with one line, `kimbai_store::suite!(fresh);`, where `fresh` makes an empty [`Subject`]: one
//! test for each case, and none can be left out. A case that is written but not listed below is dead code, which the
//! lints refuse.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests stop at the first surprise")]

mod codes;
mod far_end;
mod legacy_tokens;
mod lists;
mod log_ins;
mod model;
mod organizations;
mod parties;
mod refresh;
mod registry;
mod revocation;
mod scene;
mod sweeping;

pub use self::scene::{Store, StoreClock, Subject, put_client, put_realm, put_user};

macro_rules! cases {
    ($dollar:tt $($room:ident { $($case:ident)* })*) => {
        $($(
            #[doc = concat!("The case `", stringify!($case), "`.")]
            pub async fn $case(subject: Subject) {
                $room::$case(subject).await;
            }
        )*)*

        /// One test for each case of the suite, on what this function makes: `fn() -> Subject`.
        #[macro_export]
        macro_rules! suite {
            ($dollar fresh:path) => {
                $($(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                    async fn $case() {
                        $crate::suite::$case($dollar fresh()).await;
                    }
                )*)*
            };
        }
    };
}

cases! { $
    codes {
        an_id_that_is_taken_is_refused_with_its_row
        a_code_is_redeemed_at_most_once
        a_wrong_client_redirect_uri_or_verifier_leaves_the_code_usable
        a_code_ends_at_its_time
        a_repeated_opening_or_redemption_recognises_its_own_success
        a_code_never_outlives_its_grant
    }
    refresh {
        one_of_a_hundred_rotations_of_a_generation_succeeds
        a_rotation_names_its_generation_and_time
        another_client_does_not_rotate
        a_refresh_token_ends_when_it_lies_unused
        a_grant_ends_at_its_absolute_end
        a_repeated_rotation_recognises_its_own_success
        a_clock_moved_back_and_forth_keeps_the_rules
        many_chains_rotate_at_once_and_none_is_lost
    }
    revocation {
        a_revocation_ends_the_grant_and_keeps_the_first_reason
        revoked_access_never_becomes_less
        a_grant_of_expired_access_ends_and_one_that_was_refreshed_does_not
        nothing_rotates_after_a_revocation_was_answered
        there_is_nothing_to_revoke_of_an_unknown_grant
    }
    parties {
        the_standing_comes_back_with_each_verb
        an_epoch_grows_with_each_disabling
        an_epoch_that_is_advanced_ends_what_was_issued_and_leaves_the_client_as_it_is
        a_party_that_is_not_there_is_gone
        a_look_with_claims_sees_the_row_and_its_users_claims_as_they_stand
        one_id_in_two_realms_is_two_grants
        a_rowless_token_is_denied_alone
        a_token_that_has_expired_is_not_listed
        too_many_denials_advance_the_epoch
        a_removed_clients_grants_are_dead_and_its_number_is_not_used_again
    }
    registry {
        a_meta_value_is_set_once
        a_meta_value_is_set_anew_by_a_change
        a_change_that_expects_a_value_is_refused_where_another_one_stands
        a_realm_keeps_its_number_and_name
        a_change_of_several_is_carried_out_whole_or_not_at_all
        a_client_keeps_its_number
        a_user_keeps_its_number
        a_consent_is_what_was_answered_last_for_each_scope
        a_consent_is_for_one_organization
        a_session_is_used_and_removed
        ten_browsers_of_a_user_are_remembered
        a_users_sessions_and_browsers_are_ended_together
        keys_are_numbered_by_use
        a_replaced_key_keeps_its_place
        of_concurrent_replacements_of_a_key_one_succeeds
        events_are_read_newest_first
    }
    organizations {
        an_organization_keeps_its_number
        no_two_organizations_have_one_identifier
        organizations_are_listed_in_order_and_by_slices
        a_member_has_the_roles_that_were_given_last
        a_user_and_an_organization_are_made_and_joined_in_one_change
        who_is_taken_out_is_no_member_and_all_others_stay
    }
    legacy_tokens {
        a_legacy_token_is_known_by_its_digest
        a_legacy_token_keeps_its_owner
        a_legacy_token_that_ended_stays_ended
        a_legacy_token_put_again_is_of_its_parties_epochs_where_they_are_renewed
        a_step_is_taken_from_where_the_token_stands
        a_legacy_token_knows_that_the_grant_of_its_exchange_was_opened
        of_64_steps_at_once_one_is_taken
        legacy_tokens_are_listed_by_organization_and_slices
    }
    far_end {
        a_grant_of_68_years_ends_68_years_later_or_with_32_bits
        grants_lie_in_the_order_of_their_making_beyond_2038
        what_lives_68_years_is_swept_after_them_and_not_before
    }
    lists {
        users_are_listed_in_order_and_by_slices
        grants_are_listed_by_user_client_organization_and_realm_until_they_are_over
        grants_are_listed_with_the_standing_of_their_parties
        audit_events_are_filtered
    }
    log_ins {
        failures_are_delayed_and_then_locked
        a_success_forgets_the_failures_of_its_account
        a_source_is_locked_for_its_window
        two_hundred_attempts_at_once_are_two_hundred_attempts
        delays_hold_against_attempts_at_once
        the_keys_of_a_realm_are_bounded
        a_clock_set_back_locks_nobody_out_for_longer
    }
    sweeping {
        a_sweep_deletes_only_what_is_over
        a_sweep_goes_through_the_whole_table
        a_sweep_deletes_old_sessions_denials_counts_and_events
    }
    model {
        store_and_model_agree
    }
}
